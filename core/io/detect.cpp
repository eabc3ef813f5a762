// What the first bytes say a file is.

#include <algorithm>

#include "core/base/error.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/foreign.h"
#include "core/io/internal/text_scan.h"
#include "core/io/internal/tfrecord.h"
#include "core/io/internal/zip.h"
#include "core/io/open.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::size_t kHeadBytes = 1 << 16;
constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1a\n";

// HDF5 may have a block of the user's before it: 512 bytes or a power of two more.
bool has_hdf5_signature(const InputFile& file, std::string_view head) {
  if (head.starts_with(kHdf5)) return true;
  for (std::uint64_t offset = 512; offset + kHdf5.size() <= file.size(); offset *= 2)
    if (file.text_at(offset, kHdf5.size()) == kHdf5) return true;
  return false;
}

FileKind detect_zip(const InputFile& file) {
  std::vector<ZipMember> members;
  try {
    members = zip_members(file);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Format) throw;
    return FileKind::Npz;  // whose reader says what is broken
  }
  const auto any = [&members](std::string_view suffix) {
    return std::any_of(members.begin(), members.end(),
                       [suffix](const ZipMember& member) { return member.name.ends_with(suffix); });
  };
  if (any(".npy") || members.empty()) return FileKind::Npz;
  return any("data.pkl") ? FileKind::TorchZip : FileKind::Unknown;
}

// Bits 6 and 7 of the point format mean compression.
FileKind detect_las(std::string_view head) {
  return head.size() > 104 && static_cast<unsigned char>(head[104]) >= 64 ? FileKind::Laz : FileKind::Las;
}

bool looks_like_text(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 32 || (byte >= 9 && byte <= 13) || byte == 26;
  });
}

bool has_line(std::string_view head, auto matches) {
  LineReader lines(head);
  for (std::string_view line; lines.next(line);)
    if (matches(trimmed(line))) return true;
  return false;
}

// Comments, then VERSION or FIELDS, then DATA: the lines may come in any order, but no other word begins one.
bool looks_like_pcd(std::string_view head) {
  if (head.starts_with("# .PCD")) return true;
  LineReader lines(head);
  for (std::string_view line; lines.next(line);) {
    const std::string_view word = next_word(line);
    if (word.empty() || word.front() == '#') continue;
    return word == "VERSION" ||
           ((word == "FIELDS" || word == "COLUMNS") && head.find("DATA ") != std::string_view::npos);
  }
  return false;
}

// A number of atoms alone on its line, a comment, an atom; tables may begin with a number of points, too.
bool looks_like_xyz(std::string_view head) {
  LineReader lines(head);
  std::string_view line, comment, atom;
  do {
    if (!lines.next(line)) return false;
  } while (trimmed(line).empty());
  if (!to_count(trimmed(line))) return false;
  if (!lines.next(comment)) return true;
  if (lower(comment).find("properties=") != std::string::npos) return true;
  const std::vector<std::string_view> words = words_of(comment);
  const bool numbers = words.size() > 1 &&
                       std::all_of(words.begin(), words.end(), [](auto word) { return to_number(word).has_value(); });
  if (!numbers) return comment.find(',') == std::string_view::npos || !to_number(comment.substr(0, comment.find(',')));
  return lines.next(atom) && !to_number(next_word(atom));
}

FileKind detect_xml(std::string_view head) {
  const std::size_t tag = head.find("<VTKFile");
  if (tag == std::string_view::npos) return FileKind::Unknown;
  const std::string_view element = head.substr(tag, head.find('>', tag) - tag);
  for (const auto& [type, kind] : {std::pair{"PolyData", FileKind::Vtp}, std::pair{"UnstructuredGrid", FileKind::Vtu}})
    for (const char quote : {'"', '\''})
      if (element.find(std::string("type=") + quote + type + quote) != std::string_view::npos) return kind;
  return FileKind::Unknown;
}

FileKind detect_text(std::string_view head) {
  if (has_line(head.substr(0, 4096), [](std::string_view line) { return line.starts_with("ITEM: "); }))
    return FileKind::LammpsDump;
  if (!foreign_format(head).empty() || !looks_like_text(head)) return FileKind::Unknown;
  if (has_line(head, [](std::string_view line) { return line == "[dataset]"; })) return FileKind::Manifest;
  return looks_like_xyz(head) ? FileKind::Xyz : FileKind::Text;
}

}  // namespace

FileKind detect(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string head = file.text_at(0, kHeadBytes);
  const std::string_view text = std::string_view(head).substr(head.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  if (head.empty()) return FileKind::Empty;
  if (text.starts_with("version https://git-lfs.github.com/spec/")) return FileKind::LfsPointer;
  if (has_hdf5_signature(file, head)) return detect_hdf5(path);
  if (head.starts_with("\x93NUMPY")) return FileKind::Npy;
  if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06")) return detect_zip(file);
  if (head.starts_with("LASF")) return detect_las(head);
  if (head.starts_with("ply") && (head.size() == 3 || trimmed(head.substr(3, 1)).empty() || head[3] == '\n'))
    return FileKind::Ply;
  if (text.starts_with("# vtk DataFile")) return FileKind::LegacyVtk;
  if (text.starts_with("<?xml") || text.starts_with("<VTKFile")) return detect_xml(text);
  if (begins_as_tfrecord(head)) return FileKind::TfRecord;
  if (looks_like_pcd(text)) return FileKind::Pcd;
  return detect_text(text);
}

const char* name_of(FileKind kind) {
  switch (kind) {
    case FileKind::Unknown:
      return "unknown";
    case FileKind::Empty:
      return "empty file";
    case FileKind::LfsPointer:
      return "Git LFS pointer";
    case FileKind::Hdf5Data:
      return "HDF5";
    case FileKind::Hdf5Ours:
      return "ErwinScope HDF5";
    case FileKind::Cgns:
      return "CGNS/HDF5";
    case FileKind::VtkHdf:
      return "VTKHDF";
    case FileKind::Checkpoint:
      return "checkpoint";
    case FileKind::Npy:
      return "NPY";
    case FileKind::Npz:
      return "NPZ";
    case FileKind::Ply:
      return "PLY";
    case FileKind::Pcd:
      return "PCD";
    case FileKind::Las:
      return "LAS";
    case FileKind::Laz:
      return "LAZ";
    case FileKind::LammpsDump:
      return "LAMMPS dump";
    case FileKind::Xyz:
      return "XYZ";
    case FileKind::Text:
      return "text table";
    case FileKind::Vtp:
      return "VTP";
    case FileKind::Vtu:
      return "VTU";
    case FileKind::LegacyVtk:
      return "legacy VTK";
    case FileKind::TorchZip:
      return "PyTorch file";
    case FileKind::TfRecord:
      return "TFRecord";
    case FileKind::Manifest:
      return "manifest";
  }
  return "unknown";
}

}  // namespace erwin::io
