#pragma once
// What the tests of generators ask of errors.

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace erwin::generate {

// The kind of the error that `action` must raise.
template <typename Action>
ErrorKind error_kind(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

}  // namespace erwin::generate
