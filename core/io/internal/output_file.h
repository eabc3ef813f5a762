#pragma once
// Bytes to a file through one buffer, every failure an Error that names the file the user asked for.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/data/point_cloud.h"

namespace erwin::io {

class OutputFile {
public:
  // Writes to `temporary`; errors name `shown`. Raises Error{Io}, as all of its functions do.
  OutputFile(const std::filesystem::path& temporary, const std::filesystem::path& shown);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void close();

private:
  void flush();
  int handle_ = -1;
  std::string shown_, buffer_;
};

// Raises Error{Config} where the cloud has frames and the format holds one.
void require_one_frame(const PointCloud& cloud, const char* format);

}  // namespace erwin::io
