#pragma once
// Fields by their names.

#include <span>
#include <string>
#include <string_view>

#include "core/data/field.h"

namespace erwin {

// Null where none of them has the name.
const Field* field_named(std::span<const Field> fields, std::string_view name);

// The same values under another name; one frame.
Field renamed(const Field& field, std::string name);

}  // namespace erwin
