// What every cmocka program includes: cmocka wants these before it, in this order.
// SPDX-License-Identifier: Apache-2.0
#ifndef FX_TEST_H
#define FX_TEST_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#endif
