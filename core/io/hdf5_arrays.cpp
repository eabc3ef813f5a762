#include <algorithm>
#include <functional>
#include <limits>

#include "core/base/memory.h"
#include "core/io/internal/hdf5_handle.h"
#include "core/io/internal/hdf5_serve.h"

namespace erwin::h5 {

namespace {

constexpr int max_rank = 8;
constexpr std::uint64_t max_chunk_bytes = std::uint64_t{512} << 20;
constexpr std::uint64_t slab_bytes = std::uint64_t{8} << 20;
// Deflate packs at most 1032 to 1, shuffled or not; a little more for filters in series.
constexpr double max_packing = 1100;

// Product that saturates instead of wrapping.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b ? std::numeric_limits<std::uint64_t>::max()
                                                                     : a * b;
}

struct OpenDataset {
  Id dataset, type, space;
  DatasetInfo info;
  std::int64_t rows_per_chunk = 1;
};

void check_filters(const Id& creation, const std::string& path) {
  const int filters = H5Pget_nfilters(creation);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, settings = 0;
    std::size_t values = 0;
    char name[64] = {};
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name, name, &settings);
    if (filter < 0 || H5Zfilter_avail(filter) <= 0)
      throw Error(ErrorKind::Format, "the array is packed with an HDF5 filter that is not available",
                  path + ": filter " + std::to_string(filter) + (name[0] ? std::string(" (") + name + ")" : ""),
                  "Write the file again with gzip or without compression");
  }
}

// Compares what the array claims to be with what the file holds.
void check_storage(OpenDataset& open, const File::Impl& file, const std::string& path) {
  const Id creation(H5Dget_create_plist(open.dataset));
  const H5D_layout_t layout = H5Pget_layout(creation);
  if (H5Pget_external_count(creation) > 0 || layout == H5D_VIRTUAL)
    throw Error(ErrorKind::Format, "the array keeps its numbers in another file", path,
                "Copy the numbers into the file itself, e.g. with h5repack");
  const std::size_t element = H5Tget_size(open.type);
  std::uint64_t declared = element;
  for (const std::int64_t size : open.info.shape) declared = times(declared, static_cast<std::uint64_t>(size));
  if (declared > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    throw Error(ErrorKind::Format, "the array claims an impossible size", path);
  check_filters(creation, path);
  if (layout == H5D_CHUNKED) {
    hsize_t chunk[max_rank] = {};
    const int rank = H5Pget_chunk(creation, max_rank, chunk);
    std::uint64_t bytes = element;
    for (int axis = 0; axis < rank; ++axis) bytes = times(bytes, chunk[axis]);
    if (rank < 1 || bytes == 0 || bytes > max_chunk_bytes)
      throw Error(ErrorKind::Format, "the array is stored in chunks too large to unpack",
                  path + ": " + format_bytes(bytes));
    open.rows_per_chunk =
        static_cast<std::int64_t>(std::min<hsize_t>(chunk[0], std::numeric_limits<std::int32_t>::max()));
  }
  if (declared == 0 || file.writable) return;
  const hsize_t stored = H5Dget_storage_size(open.dataset);
  const bool packed = layout == H5D_CHUNKED;
  if (stored > file.bytes || static_cast<double>(declared) > (packed ? max_packing : 1) * static_cast<double>(stored))
    throw Error(ErrorKind::Format, "the array claims more numbers than the file holds",
                path + ": " + format_bytes(declared) + " claimed, " + format_bytes(stored) + " stored in a file of " +
                    format_bytes(file.bytes),
                "The file may be cut off, or its numbers were never written");
}

OpenDataset open_checked(const File::Impl& file, const std::string& path) {
  OpenDataset open;
  open.dataset = file.open_dataset(path);
  open.type = Id(H5Dget_type(open.dataset));
  open.space = Id(H5Dget_space(open.dataset));
  if (!open.type.valid() || !open.space.valid()) fail(ErrorKind::Format, "an HDF5 array cannot be read", path);
  open.info.type = type_of(open.type);
  const int rank = H5Sget_simple_extent_ndims(open.space);
  if (rank < 0 || rank > max_rank || H5Sget_simple_extent_type(open.space) == H5S_NULL)
    throw Error(ErrorKind::Format, "the array has no shape we can read", path + ": rank " + std::to_string(rank));
  hsize_t sizes[max_rank] = {};
  H5Sget_simple_extent_dims(open.space, sizes, nullptr);
  for (int axis = 0; axis < rank; ++axis) {
    if (sizes[axis] > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()))
      throw Error(ErrorKind::Format, "the array claims an impossible size", path);
    open.info.shape.push_back(static_cast<std::int64_t>(sizes[axis]));
  }
  check_storage(open, file, path);
  return open;
}

template <typename T>
hid_t memory_type();
template <>
hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t memory_type<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
hid_t memory_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}

template <typename T>
std::vector<T> read_as(const File::Impl& file, const std::string& path, Question question, const Job& job,
                       Rows part = {}) {
  if (file.remote) return file.remote->ask_numbers<T>(question, path, text_of(part), job);
  std::vector<T> values;
  read_slabs<T>(
      file, path, part, job,
      [&](std::uint64_t count) {
        require_memory(times(count, sizeof(T)), "the array " + path);
        values.reserve(count);
      },
      [&](const T* slab, std::size_t count) { values.insert(values.end(), slab, slab + count); });
  return values;
}

Id creation_of_links() {
  Id list(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(list, 1);
  H5Pset_char_encoding(list, H5T_CSET_UTF8);
  return list;
}

// HDF5 makes the groups on the way itself, but without the order of creation that children() answers.
void make_groups_on_the_way(const File::Impl& file, const std::string& path, bool last_too) {
  const Id links = creation_of_links();
  const Id creation(H5Pcreate(H5P_GROUP_CREATE));
  H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(creation, false);
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    if (slash == std::string::npos && !last_too) return;
    const std::string group = path.substr(0, slash);
    if (!file.open_object(group).valid() &&
        !Id(H5Gcreate2(file.file, group.c_str(), links, creation, H5P_DEFAULT)).valid())
      fail(ErrorKind::Io, "cannot write an HDF5 group", group);
    if (slash == std::string::npos) return;
  }
}

void write_array(const File::Impl& file, const std::string& path, const std::vector<std::int64_t>& shape, hid_t type,
                 const void* values, std::size_t count) {
  const Lock lock;
  std::vector<hsize_t> sizes;
  std::uint64_t product = 1;
  for (const std::int64_t size : shape) {
    sizes.push_back(static_cast<hsize_t>(size));
    product *= static_cast<std::uint64_t>(size);
  }
  if (product != count)
    throw Error(ErrorKind::Internal, "an array and its shape disagree",
                path + ": " + std::to_string(count) + " values");
  make_groups_on_the_way(file, path, false);
  const Id space(shape.empty() ? H5Screate(H5S_SCALAR)
                               : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
  const Id links = creation_of_links();
  const Id creation(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(creation, false);
  const Id dataset(H5Dcreate2(file.file, path.c_str(), type, space, links, creation, H5P_DEFAULT));
  if (!dataset.valid() || (count > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0))
    fail(ErrorKind::Io, "cannot write an HDF5 array", path, "Check the free space of the disk");
}

}  // namespace

template <typename T>
void read_slabs(const File::Impl& file, const std::string& path, Rows part, const Job& job,
                const std::function<void(std::uint64_t)>& begin,
                const std::function<void(const T*, std::size_t)>& add) {
  const Lock lock;
  const OpenDataset open = open_checked(file, path);
  if (!is_number(open.info.type)) throw Error(ErrorKind::Format, "the array does not hold numbers", path);
  const std::int64_t rows_there = open.info.shape.empty() ? 1 : open.info.shape[0];
  if (part.count < 0) part.count = rows_there - part.first;
  if (part.first < 0 || part.count < 0 || part.first > rows_there - part.count)
    throw Error(ErrorKind::Format, "the array has fewer rows",
                path + ": row " + std::to_string(part.first + part.count - 1) + " of " + std::to_string(rows_there));
  const auto row_values = static_cast<std::uint64_t>(rows_there ? open.info.count() / rows_there : 0);
  const std::uint64_t count = row_values * static_cast<std::uint64_t>(part.count);
  begin(count);
  if (count == 0) return;
  // Slabs of whole chunks along the first axis, so that a stop is seen soon and no chunk is unpacked twice. A scalar is
  // one row.
  std::vector<hsize_t> size(open.info.shape.begin(), open.info.shape.end()), start(size.size(), 0);
  const std::int64_t end = part.first + part.count;
  auto step = std::max<std::int64_t>(1, static_cast<std::int64_t>(slab_bytes / times(row_values, sizeof(T))));
  step = std::max<std::int64_t>(1, step / open.rows_per_chunk) * open.rows_per_chunk;
  std::vector<T> slab;
  for (std::int64_t row = part.first; row < end; row += step) {
    job.check();
    const auto here = static_cast<hsize_t>(std::min(step, end - row));
    const hsize_t flat = here * row_values;
    require_memory(times(flat, sizeof(T)), "the array " + path);
    slab.resize(flat);
    bool chosen = true;
    if (!size.empty()) {
      start[0] = static_cast<hsize_t>(row);
      size[0] = here;
      chosen = H5Sselect_hyperslab(open.space, H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr) >= 0;
    }
    // Of the same shape as the part chosen in the file: HDF5 copies number by number where they differ.
    const Id memory_space(size.empty() ? H5Screate(H5S_SCALAR)
                                       : H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr));
    if (!chosen || H5Dread(open.dataset, memory_type<T>(), memory_space, open.space, H5P_DEFAULT, slab.data()) < 0)
      fail(ErrorKind::Format, "an HDF5 array cannot be read", path,
           "The file may be cut off or damaged: copy it again");
    add(slab.data(), slab.size());
  }
}

using Begin = std::function<void(std::uint64_t)>;
template void read_slabs<float>(const File::Impl&, const std::string&, Rows, const Job&, const Begin&,
                                const std::function<void(const float*, std::size_t)>&);
template void read_slabs<double>(const File::Impl&, const std::string&, Rows, const Job&, const Begin&,
                                 const std::function<void(const double*, std::size_t)>&);
template void read_slabs<std::int64_t>(const File::Impl&, const std::string&, Rows, const Job&, const Begin&,
                                       const std::function<void(const std::int64_t*, std::size_t)>&);

DatasetInfo File::info(const std::string& dataset) const {
  if (impl_->remote) {
    Packet packet = impl_->remote->ask(Question::Info, dataset);
    DatasetInfo info;
    info.type = packet.take<Type>();
    info.shape.resize(std::min<std::uint64_t>(packet.take<std::uint64_t>(), max_rank));
    for (std::int64_t& size : info.shape) size = packet.take<std::int64_t>();
    return info;
  }
  const Lock lock;
  return open_checked(*impl_, dataset).info;
}

std::vector<float> File::read_floats(const std::string& dataset, const Job& job) const {
  return read_as<float>(*impl_, dataset, Question::Floats, job);
}
std::vector<double> File::read_doubles(const std::string& dataset, const Job& job) const {
  return read_as<double>(*impl_, dataset, Question::Doubles, job);
}
std::vector<std::int64_t> File::read_ints(const std::string& dataset, const Job& job) const {
  return read_as<std::int64_t>(*impl_, dataset, Question::Ints, job);
}

std::vector<double> File::read_rows(const std::string& dataset, Rows rows, const Job& job) const {
  return read_as<double>(*impl_, dataset, Question::Rows, job, rows);
}

std::optional<Piece> File::in_one_piece(const std::string& dataset) const {
  if (impl_->remote) {
    Packet packet = impl_->remote->ask(Question::InOnePiece, dataset);
    if (!packet.take<bool>()) return std::nullopt;
    return packet.take<Piece>();
  }
  const Lock lock;
  const OpenDataset open = open_checked(*impl_, dataset);
  const Id creation(H5Dget_create_plist(open.dataset));
  const haddr_t offset = H5Dget_offset(open.dataset);
  const bool plain = H5Tequal(open.type, H5T_IEEE_F32LE) > 0 || H5Tequal(open.type, H5T_IEEE_F64LE) > 0;
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || offset == HADDR_UNDEF || !plain) return std::nullopt;
  return Piece{offset, open.info.type};
}

std::string File::read_text(const std::string& dataset) const {
  if (impl_->remote) return impl_->remote->ask(Question::Text, dataset).take_text();
  const Lock lock;
  const OpenDataset open = open_checked(*impl_, dataset);
  const std::int64_t count = open.info.count();
  std::string text;
  if (open.info.type == Type::Int8 || open.info.type == Type::UInt8) {
    const std::vector<std::int64_t> characters = read_ints(dataset);
    for (const std::int64_t c : characters) text += static_cast<char>(c);
  } else if (open.info.type == Type::Text && count == 1) {
    if (H5Tis_variable_str(open.type) > 0) {
      char* pointer = nullptr;
      const Id memory(H5Tcopy(open.type));
      if (H5Dread(open.dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, &pointer) < 0 || !pointer)
        fail(ErrorKind::Format, "an HDF5 text cannot be read", dataset);
      text = pointer;
      H5free_memory(pointer);
    } else {
      text.resize(H5Tget_size(open.type));
      if (H5Dread(open.dataset, open.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) < 0)
        fail(ErrorKind::Format, "an HDF5 text cannot be read", dataset);
    }
  } else {
    throw Error(ErrorKind::Format, "this HDF5 array is not a text", dataset);
  }
  text.resize(std::min(text.size(), text.find('\0')));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

void File::make_group(const std::string& path) {
  const Lock lock;
  if (path != "/") make_groups_on_the_way(*impl_, path, true);
}

using Shape = std::vector<std::int64_t>;
void File::write(const std::string& dataset, const Shape& shape, std::span<const float> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_FLOAT, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const double> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_DOUBLE, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const std::int8_t> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_INT8, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const std::uint8_t> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_UINT8, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const std::int32_t> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_INT32, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const std::uint32_t> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_UINT32, values.data(), values.size());
}
void File::write(const std::string& dataset, const Shape& shape, std::span<const std::int64_t> values) {
  write_array(*impl_, dataset, shape, H5T_NATIVE_INT64, values.data(), values.size());
}

void File::write_text(const std::string& dataset, const std::string& text) {
  const Lock lock;
  const Id type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, std::max<std::size_t>(text.size(), 1));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const std::string padded = text.empty() ? std::string(1, '\0') : text;
  write_array(*impl_, dataset, {}, type, padded.data(), 1);
}

}  // namespace erwin::h5
