#include "tests/core/io/own/made_files.h"

#include <zlib.h>

#include "tests/core/io/own/files.h"

namespace erwin::test {

std::string make_npy(const std::string& descr, const std::string& shape, const std::string& data, bool fortran) {
  std::string header =
      "{'descr': " + descr + ", 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }";
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  return "\x93NUMPY" + std::string("\x01\x00", 2) + bytes_of(static_cast<std::uint16_t>(header.size())) + header + data;
}

namespace {

std::string deflated(const std::string& data) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members, bool deflate) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  std::string file, directory;
  for (const auto& [name, data] : members) {
    const std::string packed = deflate ? deflated(data) : data;
    const std::string common =
        bytes_of<U16>({20, 0, static_cast<U16>(deflate ? 8 : 0), 0, 0}) +
        bytes_of<U32>({static_cast<U32>(crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size())),
                       static_cast<U32>(packed.size()), static_cast<U32>(data.size())}) +
        bytes_of<U16>({static_cast<U16>(name.size()), 0});
    directory += "PK\x01\x02" + bytes_of<U16>(20) + common + bytes_of<U16>({0, 0, 0}) +
                 bytes_of<U32>({0, static_cast<U32>(file.size())}) + name;
    file += "PK\x03\x04" + common + name + packed;
  }
  const auto count = static_cast<U16>(members.size());
  const auto offset = static_cast<U32>(file.size());
  return file + directory + "PK\x05\x06" + bytes_of<U16>({0, 0, count, count}) +
         bytes_of<U32>({static_cast<U32>(directory.size()), offset}) + bytes_of<U16>(0);
}

std::size_t las_points_offset(const LasRecipe& recipe) {
  return (recipe.minor == 4 ? 375 : recipe.minor == 3 ? 235 : 227) + recipe.vlrs.size();
}

std::string make_las(const LasRecipe& recipe) {
  // Sizes of the records 0 to 10 as the specification 1.4 R15 lists them.
  constexpr std::size_t sizes[] = {20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67};
  const std::size_t record = sizes[recipe.format] + recipe.extra,
                    header = las_points_offset(recipe) - recipe.vlrs.size();
  std::string file(header, '\0');
  const auto put = [&file](std::size_t at, const std::string& bytes) { file.replace(at, bytes.size(), bytes); };
  put(0, "LASF");
  put(24, {1, static_cast<char>(recipe.minor)});
  put(94, bytes_of(static_cast<std::uint16_t>(header)));
  put(96, bytes_of(static_cast<std::uint32_t>(las_points_offset(recipe))));
  put(100, bytes_of(recipe.vlr_count));
  put(104, {static_cast<char>(recipe.format)});
  put(105, bytes_of(static_cast<std::uint16_t>(record)));
  // Formats 6 and above leave the old counter at 0.
  put(107, bytes_of(recipe.format < 6 ? recipe.points : 0u));
  put(131, bytes_of<double>({0.01, 0.01, 0.01, 1000, 2000, 3000}));
  if (recipe.minor == 4) put(247, bytes_of(static_cast<std::uint64_t>(recipe.points)));
  file += recipe.vlrs;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(recipe.points); ++i)
    file += bytes_of<std::int32_t>({i, 2 * i, 3 * i}) + std::string(record - 12, '\0');
  return file;
}

std::vector<std::pair<std::string, std::string>> one_of_each() {
  std::string triples, rows, ascii, cells, table, atoms, dump;
  for (int i = 0; i < 8; ++i) {
    const auto x = static_cast<float>(i), y = static_cast<float>(i % 3), z = static_cast<float>(i) * 0.5f;
    triples += bytes_of<float>({x, y, z});
    rows += bytes_of<float>({x, y, z}) + bytes_of(static_cast<std::uint8_t>(i));
    const std::string numbers = std::to_string(x) + " " + std::to_string(y) + " " + std::to_string(z);
    ascii += numbers + " " + std::to_string(i) + "\n";
    table += std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + "," + std::to_string(i) + "\n";
    atoms += "H " + numbers + "\n";
    dump += std::to_string(8 - i) + " 1 " + numbers + "\n";
  }
  cells = bytes_of<std::uint8_t>(3) + bytes_of<std::int32_t>({0, 1, 2}) + bytes_of<std::uint8_t>(4) +
          bytes_of<std::int32_t>({4, 5, 6, 7});
  const std::string ply_properties =
      "element vertex 8\nproperty float x\nproperty float y\nproperty float z\nproperty uchar quality\n";
  const std::string ply_faces = "element face 2\nproperty list uchar int vertex_indices\n";
  const std::string pcd_header =
      "VERSION 0.7\nFIELDS x y z i\nSIZE 4 4 4 1\nTYPE F F F U\nCOUNT 1 1 1 1\nWIDTH 8\nHEIGHT 1\nPOINTS 8\nDATA ";
  // Packed PCD holds one field after the other; runs of plain bytes are valid LZF.
  std::string columns, packed;
  for (int axis = 0; axis < 3; ++axis)
    for (std::size_t i = 0; i < 8; ++i) columns += rows.substr(i * 13 + static_cast<std::size_t>(axis) * 4, 4);
  for (std::size_t i = 0; i < 8; ++i) columns += rows.substr(i * 13 + 12, 1);
  for (std::size_t at = 0; at < columns.size(); at += 32) {
    const std::string run = columns.substr(at, 32);
    packed += static_cast<char>(run.size() - 1) + run;
  }
  const std::string npy = make_npy("'<f4'", "(8, 3)", triples);
  const std::string record = make_npy("[('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('i', '|u1')]", "(8,)", rows);
  const std::string zipped = make_npy("'|u1'", "(8,)", std::string("\0\1\2\3\4\5\6\7", 8));
  return {{"plain.npy", npy},
          {"record.npy", record},
          {"stored.npz", make_zip({{"positions.npy", npy}, {"i.npy", zipped}})},
          {"deflated.npz", make_zip({{"positions.npy", npy}, {"i.npy", zipped}}, true)},
          {"table.csv", "x,y,z,i\n" + table},
          {"blanks.txt", ascii},
          {"atoms.xyz", "8\ncomment\n" + atoms},
          {"extended.xyz", "8\nProperties=species:S:1:pos:R:3\n" + atoms},
          {"ascii.ply",
           "ply\nformat ascii 1.0\n" + ply_properties + ply_faces + "end_header\n" + ascii + "3 0 1 2\n4 4 5 6 7\n"},
          {"little.ply",
           "ply\nformat binary_little_endian 1.0\n" + ply_properties + ply_faces + "end_header\n" + rows + cells},
          {"ascii.pcd", pcd_header + "ascii\n" + ascii},
          {"binary.pcd", pcd_header + "binary\n" + rows},
          {"packed.pcd", pcd_header + "binary_compressed\n" +
                             bytes_of<std::uint32_t>({static_cast<std::uint32_t>(packed.size()), 104}) + packed},
          {"old.las", make_las({.format = 3, .points = 8})},
          {"new.las", make_las({.minor = 4, .format = 7, .points = 8})},
          {"dump.lammpstrj",
           "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n8\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type "
           "x y z\n" +
               dump}};
}

}  // namespace erwin::test
