#include "core/data/field_list.h"

#include <utility>

namespace erwin {

const Field* field_named(std::span<const Field> fields, std::string_view name) {
  for (const Field& field : fields)
    if (field.name() == name) return &field;
  return nullptr;
}

Field renamed(const Field& field, std::string name) {
  return Field(std::move(name), field.kind(), field.components(), {field.values().begin(), field.values().end()},
               field.unit(), field.offset());
}

}  // namespace erwin
