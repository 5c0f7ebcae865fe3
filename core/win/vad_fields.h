// Field tables of the tree that describes a process's address space.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_VAD_FIELDS_H
#define WIN_VAD_FIELDS_H

#include <eidetic/win.h>

// clang-format off

// A tree with a root from Windows 8.1 on, a table whose sentinel has the root on its right before,
// a pointer on XP.
#define PROCESS_VADS_FIELDS(F, ALT)                                                                \
	ALT(root, "VadRoot.Root|VadRoot.BalancedRoot.RightChild|VadRoot", PTR, MAY)
EI_TYPE(process_vads, "_EPROCESS", PROCESS_VADS_FIELDS);

#define VAD_NODE_FIELDS(F, ALT)                                                                    \
	ALT(left,       "VadNode.Left|VadNode.LeftChild|LeftChild",    PTR,  MAY)                  \
	ALT(right,      "VadNode.Right|VadNode.RightChild|RightChild", PTR,  MAY)                  \
	ALT(start,      "StartingVpn|VadNode.StartingVpn",             UINT, MAY)                  \
	ALT(end,        "EndingVpn|VadNode.EndingVpn",                 UINT, MAY)                  \
	ALT(start_high, "StartingVpnHigh",                             UINT, MAY)                  \
	ALT(end_high,   "EndingVpnHigh",                               UINT, MAY)                  \
	ALT(is_private, "u.VadFlags.PrivateMemory",                    UINT, MAY)
EI_TYPE(vad_node, "_MMVAD_SHORT", VAD_NODE_FIELDS);

// What is shown of a node and not needed to walk: members moved from the node into its core, flags
// from one word to another.
#define VAD_TREE_FIELDS(F, ALT)                                                                    \
	ALT(parent,     "VadNode.ParentValue|VadNode.u1.Parent|u1.Parent|Parent", PTR, MAY)        \
	ALT(protection, "u.VadFlags.Protection",                                  UINT, MAY)       \
	ALT(is_private, "u1.VadFlags1.PrivateMemory|u.VadFlags.PrivateMemory",    UINT, MAY)       \
	ALT(commit, "CommitCharge|u1.VadFlags1.CommitCharge|u.VadFlags.CommitCharge", UINT, MAY)   \
	ALT(type,       "u.VadFlags.VadType",                                     UINT, MAY)
EI_TYPE(vad_tree, "_MMVAD_SHORT", VAD_TREE_FIELDS);

// What only the longer node has: XP points to the control area itself.
#define VAD_LONG_FIELDS(F, ALT)                                                                    \
	F(Subsection,        PTR, MAY)                                                             \
	F(ControlArea,       PTR, MAY)                                                             \
	F(FirstPrototypePte, PTR, MAY)                                                             \
	F(LastContiguousPte, PTR, MAY)
EI_TYPE(vad_long, "_MMVAD", VAD_LONG_FIELDS);

#define SUBSECTION_FIELDS(F, ALT)                                                                  \
	F(ControlArea, PTR, MAY)
EI_TYPE(subsection, "_SUBSECTION", SUBSECTION_FIELDS);

#define CONTROL_AREA_FIELDS(F, ALT)                                                                \
	F(FilePointer, FASTREF, MAY)
EI_TYPE(control_area, "_CONTROL_AREA", CONTROL_AREA_FIELDS);

#define FILE_OBJECT_FIELDS(F, ALT)                                                                 \
	F(FileName, USTR, MAY)
EI_TYPE(file_object, "_FILE_OBJECT", FILE_OBJECT_FIELDS);

// clang-format on

#endif
