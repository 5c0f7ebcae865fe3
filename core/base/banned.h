// Functions that have no bounded form: using one is a compile error. Included before every file.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncat strncpy sprintf vsprintf gets strtok atoi atol

#endif
