#include "core/io/internal/tfrecord.h"

#include <array>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/crc32c.h"
#include "core/io/internal/numbers.h"

namespace erwin::io {

namespace {

constexpr std::size_t length_bytes = 8, checksum_bytes = 4, head_bytes = length_bytes + checksum_bytes;
constexpr std::size_t records_between_looks = 256;

// The length of the record, or nothing sensible where its checksum does not fit.
bool length_fits(std::string_view head) {
  return masked_crc32c(head.substr(0, length_bytes)) == load_little<std::uint32_t>(head.data() + length_bytes);
}

[[noreturn]] void damaged(const std::string& message, std::uint64_t offset) {
  throw Error(ErrorKind::Format, message, "byte " + std::to_string(offset),
              "Copy the file again, or go on without such records with --skip-bad");
}

}  // namespace

bool begins_as_tfrecord(std::string_view head) {
  return head.size() >= head_bytes && length_fits(head);
}

TfRecordIndex index_tfrecord(const InputFile& file, const Job& job) {
  TfRecordIndex index;
  std::array<char, head_bytes> head{};
  std::array<char, checksum_bytes> tail{};
  while (index.end < file.size()) {
    if (index.records.size() % records_between_looks == 0) job.check();
    const std::uint64_t left = file.size() - index.end;
    if (left < head_bytes) {
      index.broken = "the file ends inside the length of a record";
      return index;
    }
    file.read_at(index.end, head.data(), head.size());
    if (!length_fits({head.data(), head.size()})) {
      index.broken = "the length of a record has a wrong checksum";
      return index;
    }
    const auto bytes = load_little<std::uint64_t>(head.data());
    if (left - head_bytes < checksum_bytes || bytes > left - head_bytes - checksum_bytes) {
      index.broken = "the file ends inside a record of " + std::to_string(bytes) + " bytes";
      return index;
    }
    file.read_at(index.end + head_bytes + bytes, tail.data(), tail.size());
    index.records.push_back({index.end, bytes, load_little<std::uint32_t>(tail.data())});
    index.end += head_bytes + bytes + checksum_bytes;
  }
  return index;
}

std::string read_tfrecord(const InputFile& file, const TfRecord& record) {
  // An index may be older than the file.
  if (record.offset > file.size() || file.size() - record.offset < head_bytes + checksum_bytes ||
      record.bytes > file.size() - record.offset - head_bytes - checksum_bytes)
    damaged("the file ends inside a record", record.offset);
  require_memory(record.bytes, "a record of " + std::to_string(record.bytes) + " bytes");
  const std::string head = file.text_at(record.offset, head_bytes);
  if (!length_fits(head) || load_little<std::uint64_t>(head.data()) != record.bytes)
    damaged("the length of the record has a wrong checksum", record.offset);
  std::string payload = file.text_at(record.offset + head_bytes, record.bytes);
  const std::string tail = file.text_at(record.offset + head_bytes + record.bytes, checksum_bytes);
  if (masked_crc32c(payload) != load_little<std::uint32_t>(tail.data()))
    damaged("the record has a wrong checksum", record.offset);
  return payload;
}

}  // namespace erwin::io
