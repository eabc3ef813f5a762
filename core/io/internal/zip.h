#pragma once
// Zip archives in memory, as NPZ files and torch.save write them: stored or deflated members, zip64. Nothing in the file is
// trusted: every offset is checked against its bytes, every size against what deflate can reach and against free memory,
// every member against its checksum.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"

namespace erwin::io {

struct ZipMember {
  std::string name;
  std::uint64_t stored = 0;  // bytes in the archive
  std::uint64_t size = 0;    // bytes when read
  std::uint64_t header = 0;  // offset of the member's own header
  std::uint32_t checksum = 0;
  std::uint16_t method = 0;  // 0 stored, 8 deflated
};

class ZipArchive {
public:
  // `bytes` must outlive the archive. Raises Error{Format}: not a zip, cut off, encrypted, split over files, two members of
  // one name.
  explicit ZipArchive(std::string_view bytes);

  const std::vector<ZipMember>& members() const { return members_; }
  // Null where there is none.
  const ZipMember* find(std::string_view name) const;

  // Raises Error{Format} (a method other than stored and deflate, sizes or checksum that disagree), Error{Memory},
  // Error{Cancelled}.
  std::string read(const ZipMember& member, const Job& job = {}) const;

private:
  std::string_view stored_bytes(const ZipMember& member) const;
  std::string_view bytes_;
  std::vector<ZipMember> members_;
};

}  // namespace erwin::io
