#include "core/io/internal/foreign.h"

#include <utility>

#include "core/io/internal/text_scan.h"

namespace erwin::io {

namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  const char* name;
};

using namespace std::string_view_literals;

constexpr Signature kSignatures[] = {
    {4, "CORD"sv, "a DCD trajectory (CHARMM, NAMD)"},
    {8, "CORD"sv, "a DCD trajectory (CHARMM, NAMD)"},
    {0, "CDF\x01"sv, "a NetCDF-3 file (AMBER trajectories are such files)"},
    {0, "CDF\x02"sv, "a NetCDF-3 file (AMBER trajectories are such files)"},
    {0, "CDF\x05"sv, "a NetCDF-3 file"},
    {0, "\x00\x00\x07\xcb"sv, "a GROMACS XTC trajectory"},
    {0, "\x00\x00\x07\xc9"sv, "a GROMACS TRR trajectory"},
    {0, "PSF"sv, "a PSF topology (CHARMM, NAMD)"},
    {0, "%VERSION"sv, "an AMBER topology (prmtop)"},
    {0, "@<TRIPOS>"sv, "a MOL2 molecule"},
    {0, "ASTM-E57"sv, "an E57 scan"},
    {0, "solid "sv, "an STL mesh"},
    {0, "glTF"sv, "a glTF model"},
    {0, "OFF\n"sv, "an OFF mesh"},
    {0, "PAR1"sv, "a Parquet table"},
    {0, "\x1f\x8b"sv, "a gzip archive"},
    {0, "BZh"sv, "a bzip2 archive"},
    {0,
     "\xfd"
     "7zXZ"sv,
     "an xz archive"},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard archive"},
    {0, "PK\x03\x04"sv, "a ZIP archive without arrays"},
    {0, "MATLAB 5.0"sv, "a MATLAB file older than version 7.3"},
    {0, "\x80\x02"sv, "a Python pickle, which is never read"},
    {0, "\x80\x03"sv, "a Python pickle, which is never read"},
    {0, "\x80\x04"sv, "a Python pickle, which is never read"},
    {0, "\x80\x05"sv, "a Python pickle, which is never read"},
    {0, "\x89PNG"sv, "a PNG picture"},
    {0, "\xff\xd8\xff"sv, "a JPEG picture"},
    {0, "%PDF"sv, "a PDF document"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program"},
    {0, "\xff\xfe"sv, "text in UTF-16 (save it as UTF-8)"},
    {0, "\xfe\xff"sv, "text in UTF-16 (save it as UTF-8)"},
    {0, "{"sv, "JSON text"},
};

bool begins_like_pdb(std::string_view head) {
  for (const std::string_view record : {"CRYST1", "HEADER", "ATOM  ", "HETATM", "REMARK", "TITLE ", "MODEL ", "COMPND"})
    if (head.starts_with(record))
      return head.find("\nATOM  ") != std::string_view::npos || head.find("\nHETATM") != std::string_view::npos ||
             head.starts_with("ATOM  ") || head.starts_with("HETATM");
  return false;
}

// Title, number of atoms, then lines of fixed width: five digits of the residue, its name, the atom's name.
bool looks_like_gro(std::string_view head) {
  LineReader lines(head);
  std::string_view title, count, atom;
  if (!lines.next(title) || !lines.next(count) || !lines.next(atom)) return false;
  if (!to_count(trimmed(count)) || atom.size() < 44) return false;
  return to_count(trimmed(atom.substr(0, 5))) && !to_number(trimmed(atom.substr(5, 5))) &&
         to_count(trimmed(atom.substr(15, 5))) && to_number(trimmed(atom.substr(20, 8))) &&
         to_number(trimmed(atom.substr(28, 8)));
}

}  // namespace

std::string foreign_format(std::string_view head) {
  for (const Signature& signature : kSignatures)
    if (head.size() >= signature.offset && head.substr(signature.offset).starts_with(signature.bytes))
      return signature.name;
  if (begins_like_pdb(head)) return "a PDB structure";
  if (looks_like_gro(head)) return "a GROMACS GRO structure";
  if (head.starts_with("<?xml") || head.starts_with("<VTKFile") || head.starts_with("<!")) {
    const std::size_t type =
        head.find("<VTKFile") == std::string_view::npos ? std::string_view::npos : head.find("type=\"");
    if (type == std::string_view::npos) return "XML text";
    const std::string_view rest = head.substr(type + 6);
    return "a VTK XML file of type " + in_quotes(rest.substr(0, rest.find('"')));
  }
  return {};
}

std::string what_can_be_opened() {
  return "Convert it to one of the formats that can be opened: HDF5, CGNS, NPY, NPZ, CSV, TSV and other tables as "
         "text, XYZ, PLY, PCD, "
         "LAS, LAMMPS dump, VTP, VTU, legacy VTK, VTKHDF";
}

}  // namespace erwin::io
