#include "core/dataset/left_out.h"

#include "core/dataset/internal/files.h"

namespace erwin {

bool is_of_the_data(const Error& error) {
  return error.kind() == ErrorKind::Format || error.kind() == ErrorKind::Io;
}

std::string why_of(const Error& error) {
  return error.message() + (error.detail().empty() ? "" : ": " + error.detail());
}

std::string text_of(const std::vector<LeftOut>& left_out) {
  std::string text = "left out " + std::to_string(left_out.size()) + ": ";
  for (std::size_t i = 0; i < left_out.size() && i < named_at_most; ++i)
    text += (i ? "; " : "") + left_out[i].name + " (" + left_out[i].why + ")";
  return left_out.size() > named_at_most ? text + "; ..." : text;
}

}  // namespace erwin
