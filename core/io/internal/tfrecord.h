#pragma once
// The framing of TFRecord files: a record is its length (u64), the masked CRC-32C of these eight bytes, the payload,
// and the masked CRC-32C of the payload, all little-endian, one record after another. What a payload means is left to
// others.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"
#include "core/io/internal/file_bytes.h"

namespace erwin::io {

struct TfRecord {
  std::uint64_t offset = 0;    // of its length in the file
  std::uint64_t bytes = 0;     // of the payload
  std::uint32_t checksum = 0;  // of the payload, as stored
};

struct TfRecordIndex {
  std::vector<TfRecord> records;
  std::string broken;     // what ends the index before the file does: "the file ends inside the record"; else empty
  std::uint64_t end = 0;  // byte where the index ends
};

// Whether the first bytes of a file are a record's length and its checksum.
bool begins_as_tfrecord(std::string_view head);

// Goes from record to record without reading payloads. Lengths are held against their checksums and the file's size.
TfRecordIndex index_tfrecord(const InputFile& file, const Job& job = {});

// A record's payload. Raises Error{Format} where the frame or a checksum does not fit, Error{Memory}.
std::string read_tfrecord(const InputFile& file, const TfRecord& record);

}  // namespace erwin::io
