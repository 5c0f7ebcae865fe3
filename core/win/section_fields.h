// Field tables of what holds a file's content: sections and the cache.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SECTION_FIELDS_H
#define WIN_SECTION_FIELDS_H

#include <eidetic/win.h>

// clang-format off

#define HELD_FILE_FIELDS(F, ALT)                                                                   \
	F(DeviceObject,         PTR, MAY)                                                          \
	F(SectionObjectPointer, PTR, MAY)                                                          \
	F(FsContext,            PTR, MAY)
EI_TYPE(held_file, "_FILE_OBJECT", HELD_FILE_FIELDS);

#define FILE_SECTIONS_FIELDS(F, ALT)                                                               \
	F(DataSectionObject,  PTR, MAY)                                                            \
	F(SharedCacheMap,     PTR, MAY)                                                            \
	F(ImageSectionObject, PTR, MAY)
EI_TYPE(file_sections, "_SECTION_OBJECT_POINTERS", FILE_SECTIONS_FIELDS);

// What every file system keeps in front of its own record of a stream.
#define FILE_STREAM_FIELDS(F, ALT)                                                                 \
	F(NodeByteSize, UINT, MAY)                                                                 \
	ALT(size,  "FileSize.QuadPart|FileSize",               UINT, MAY)                          \
	ALT(valid, "ValidDataLength.QuadPart|ValidDataLength", UINT, MAY)
EI_TYPE(file_stream, "_FSRTL_ADVANCED_FCB_HEADER", FILE_STREAM_FIELDS);

#define SECTION_AREA_FIELDS(F, ALT)                                                                \
	F(Segment, PTR, MAY)                                                                       \
	ALT(is_image, "u.Flags.Image", UINT, MAY)
EI_TYPE(section_area, "_CONTROL_AREA", SECTION_AREA_FIELDS);

// For its size: what each session has a copy of had a longer area, up to 2003 (3790).
#define SECTION_LARGE_AREA_FIELDS(F, ALT)                                                          \
	F(SessionId, UINT, MAY)
EI_TYPE(section_large_area, "_LARGE_CONTROL_AREA", SECTION_LARGE_AREA_FIELDS);

#define SECTION_SEGMENT_FIELDS(F, ALT)                                                             \
	F(ControlArea,       PTR,  MAY)                                                            \
	F(TotalNumberOfPtes, UINT, MAY)                                                            \
	F(SizeOfSegment,     UINT, MAY)                                                            \
	F(BasedAddress,      PTR,  MAY)
EI_TYPE(section_segment, "_SEGMENT", SECTION_SEGMENT_FIELDS);

// The members moved in Windows Vista and again in Windows 8, the flags out of a union in 11 24H2
// (26100); sectors of data are pages.
#define SECTION_PART_FIELDS(F, ALT)                                                                \
	F(ControlArea,         PTR,  MAY)                                                          \
	F(SubsectionBase,      PTR,  MAY)                                                          \
	F(NextSubsection,      PTR,  MAY)                                                          \
	F(PtesInSubsection,    UINT, MAY)                                                          \
	F(StartingSector,      UINT, MAY)                                                          \
	F(NumberOfFullSectors, UINT, MAY)                                                          \
	ALT(start_high, "SubsectionFlags.StartingSector4132|u.SubsectionFlags.StartingSector4132", UINT, MAY) \
	ALT(end_offset, "SubsectionFlags.SectorEndOffset|u.SubsectionFlags.SectorEndOffset",       UINT, MAY)
EI_TYPE(section_part, "_SUBSECTION", SECTION_PART_FIELDS);

// For its size: some profiles describe a kernel without PAE, whatever the image runs with.
#define SECTION_ENTRY_FIELDS(F, ALT)                                                               \
	ALT(bits, "u.Long", UINT, MAY)
EI_TYPE(section_entry, "_MMPTE", SECTION_ENTRY_FIELDS);

#define CACHE_MAP_FIELDS(F, ALT)                                                                   \
	ALT(file_size,    "FileSize.QuadPart|FileSize",               UINT, MAY)                   \
	ALT(section_size, "SectionSize.QuadPart|SectionSize",         UINT, MAY)                   \
	ALT(valid_size,   "ValidDataLength.QuadPart|ValidDataLength", UINT, MAY)                   \
	F(InitialVacbs, HERE, MAY)                                                                 \
	F(Vacbs,        PTR,  MAY)
EI_TYPE(cache_map, "_SHARED_CACHE_MAP", CACHE_MAP_FIELDS);

// The low bits of a view's offset count who uses it.
#define CACHE_VIEW_FIELDS(F, ALT)                                                                  \
	F(BaseAddress,    PTR, MAY)                                                                \
	F(SharedCacheMap, PTR, MAY)                                                                \
	ALT(offset, "Overlay.FileOffset.QuadPart|Overlay.FileOffset", UINT, MAY)
EI_TYPE(cache_view, "_VACB", CACHE_VIEW_FIELDS);

#define FILE_DEVICE_FIELDS(F, ALT)                                                                 \
	F(DeviceType, UINT, MAY)
EI_TYPE(file_device, "_DEVICE_OBJECT", FILE_DEVICE_FIELDS);

// clang-format on

#endif
