#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include "core/io/internal/hdf5_handle.h"

namespace erwin::h5 {

namespace fs = std::filesystem;

namespace {

constexpr int max_depth = 16;
constexpr std::size_t max_objects = 200000;
constexpr std::size_t max_text_bytes = std::size_t{16} << 20;

std::mutex library_mutex;
// How often this thread holds the mutex. Not a std::recursive_mutex: a forked child would not be seen as its owner.
thread_local int times_held = 0;

// A file of ours is one file: a link that would open another one fails.
herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

Id link_access(hid_t property_class) {
  Id list(H5Pcreate(property_class));
  H5Pset_elink_cb(list, refuse_external_link, nullptr);
  return list;
}

herr_t keep_innermost(unsigned, const H5E_error2_t* entry, void* text) {
  if (entry->desc && *entry->desc) *static_cast<std::string*>(text) = entry->desc;
  return 0;
}

Kind kind_of(const Id& object) {
  if (!object.valid()) return Kind::Other;
  const H5I_type_t type = H5Iget_type(object);
  return type == H5I_GROUP ? Kind::Group : type == H5I_DATASET ? Kind::Dataset : Kind::Other;
}

std::string join(const std::string& group, const std::string& name) {
  return group == "/" ? "/" + name : group + "/" + name;
}

struct Listing {
  std::vector<std::string> names;
  bool overflow = false;
};

herr_t add_name(hid_t, const char* name, const H5L_info_t*, void* data) {
  auto& listing = *static_cast<Listing*>(data);
  if (listing.names.size() >= max_objects) {
    listing.overflow = true;
    return 1;
  }
  listing.names.emplace_back(name);
  return 0;
}

template <typename T>
std::vector<T> numbers_from(Packet& packet) {
  const auto count = packet.take<std::uint64_t>();
  std::vector<T> values;
  for (std::uint64_t i = 0; i < count; ++i) values.push_back(packet.take<T>());
  return values;
}

std::vector<std::string> texts_from(Packet packet) {
  const auto count = packet.take<std::uint64_t>();
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < count; ++i) texts.push_back(packet.take_text());
  return texts;
}

std::vector<Entry> entries_from(Packet packet) {
  const auto count = packet.take<std::uint64_t>();
  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    entry.name = packet.take_text();
    entry.path = packet.take_text();
    entry.kind = packet.take<Kind>();
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Lock::Lock() {
  if (times_held++ == 0) library_mutex.lock();
  // A file whose last write failed (a full disk) stays half open inside the library, which would crash on it at exit;
  // we close every file ourselves. Plugins would be code from outside.
  static const bool prepared = H5dont_atexit() >= 0 && H5PLset_loading_state(0) >= 0;
  (void)prepared;
  // Per thread in a thread-safe build of the library, hence at every entry.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Lock::~Lock() {
  if (--times_held == 0) library_mutex.unlock();
}

void fail(ErrorKind kind, const std::string& message, const std::string& object, const std::string& hint) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  std::string innermost;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_innermost, &innermost);
  H5Eclear2(H5E_DEFAULT);
  std::string detail = object;
  if (!innermost.empty()) detail += (detail.empty() ? "" : ": ") + innermost;
  throw Error(kind, message, detail, hint);
}

Type type_of(hid_t datatype) {
  const std::size_t size = H5Tget_size(datatype);
  switch (H5Tget_class(datatype)) {
    case H5T_INTEGER: {
      const bool is_signed = H5Tget_sign(datatype) == H5T_SGN_2;
      switch (size) {
        case 1:
          return is_signed ? Type::Int8 : Type::UInt8;
        case 2:
          return is_signed ? Type::Int16 : Type::UInt16;
        case 4:
          return is_signed ? Type::Int32 : Type::UInt32;
        case 8:
          return is_signed ? Type::Int64 : Type::UInt64;
        default:
          return Type::Other;
      }
    }
    case H5T_ENUM:
      return size == 1 ? Type::Int8 : Type::Other;  // how h5py stores booleans
    case H5T_FLOAT:
      return size == 8 ? Type::Float64 : size == 4 || size == 2 ? Type::Float32 : Type::Other;
    case H5T_STRING:
      return Type::Text;
    default:
      return Type::Other;
  }
}

bool is_integer(Type type) {
  return type <= Type::UInt64;
}
bool is_number(Type type) {
  return type <= Type::Float64;
}

std::int64_t DatasetInfo::count() const {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) product *= size;
  return product;
}

Id File::Impl::open_object(const std::string& path) const {
  return Id(H5Oopen(file, path.c_str(), access));
}

Id File::Impl::open_dataset(const std::string& path) const {
  Id object = open_object(path);
  if (!object.valid()) fail(ErrorKind::Format, "an HDF5 object cannot be opened", path);
  if (kind_of(object) != Kind::Dataset) fail(ErrorKind::Format, "this HDF5 object is not an array", path);
  return object;
}

File::File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;

File::~File() {
  const Lock lock;
  impl_.reset();
}

File File::open(const fs::path& path, const Job& job) {
  std::error_code problem;
  if (!fs::is_regular_file(path, problem))
    throw Error(ErrorKind::Io, "cannot open the file", problem.message(), "Check the path and its rights");
  auto impl = std::make_unique<Impl>();
  impl->remote = std::make_unique<Remote>(path, job);
  return File(std::move(impl));
}

File File::open_here(const fs::path& path) {
  std::error_code problem;
  const std::uintmax_t bytes = fs::file_size(path, problem);
  if (problem) throw Error(ErrorKind::Io, "cannot open the file", problem.message(), "Check the path and its rights");
  const Lock lock;
  auto impl = std::make_unique<Impl>();
  impl->bytes = bytes;
  impl->access = link_access(H5P_LINK_ACCESS);
  const Id access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  impl->file = Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access));
  if (!impl->file.valid())
    fail(ErrorKind::Format, "the HDF5 file cannot be read", "", "The file may be cut off or damaged: copy it again");
  return File(std::move(impl));
}

File File::create(const fs::path& path) {
  const Lock lock;
  auto impl = std::make_unique<Impl>();
  impl->writable = true;
  impl->access = link_access(H5P_LINK_ACCESS);
  const Id access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  // From 1.8 on metadata carries checksums, and every HDF5 reader in use understands it.
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
  const Id creation(H5Pcreate(H5P_FILE_CREATE));
  H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(creation, false);
  impl->file = Id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access));
  if (!impl->file.valid())
    fail(ErrorKind::Io, "cannot write the file", "", "Check the folder's rights and the free space of the disk");
  return File(std::move(impl));
}

void File::close() {
  const Lock lock;
  if (!impl_ || !impl_->file.valid()) return;
  const bool flushed = !impl_->writable || H5Fflush(impl_->file, H5F_SCOPE_GLOBAL) >= 0;
  const bool closed = H5Fclose(impl_->file.release()) >= 0;
  if (!flushed || !closed) fail(ErrorKind::Io, "cannot write the file", "", "Check the free space of the disk");
}

bool File::exists(const std::string& path) const {
  if (impl_->remote) return impl_->remote->ask(Question::Exists, path).take<bool>();
  const Lock lock;
  return impl_->open_object(path).valid();
}

bool File::is_group(const std::string& path) const {
  if (impl_->remote) return impl_->remote->ask(Question::IsGroup, path).take<bool>();
  const Lock lock;
  return kind_of(impl_->open_object(path)) == Kind::Group;
}

bool File::is_dataset(const std::string& path) const {
  if (impl_->remote) return impl_->remote->ask(Question::IsDataset, path).take<bool>();
  const Lock lock;
  return kind_of(impl_->open_object(path)) == Kind::Dataset;
}

std::vector<Entry> File::children(const std::string& group) const {
  if (impl_->remote) return entries_from(impl_->remote->ask(Question::Children, group));
  const Lock lock;
  const Id object = impl_->open_object(group);
  if (kind_of(object) != Kind::Group) fail(ErrorKind::Format, "this HDF5 object is not a group", group);
  const Id creation(H5Gget_create_plist(object));
  unsigned order = 0;
  H5Pget_link_creation_order(creation, &order);
  const H5_index_t index = (order & H5P_CRT_ORDER_INDEXED) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  Listing listing;
  if (H5Literate(object, index, H5_ITER_INC, nullptr, add_name, &listing) < 0)
    fail(ErrorKind::Format, "an HDF5 group cannot be read", group);
  if (listing.overflow) throw Error(ErrorKind::Format, "an HDF5 group has too many members", group);
  std::vector<Entry> entries;
  for (std::string& name : listing.names) {
    std::string path = join(group, name);
    const Kind kind = kind_of(impl_->open_object(path));
    entries.push_back({std::move(name), std::move(path), kind});
  }
  return entries;
}

std::vector<std::string> File::datasets_below(const std::string& group) const {
  if (impl_->remote) return texts_from(impl_->remote->ask(Question::DatasetsBelow, group));
  const Lock lock;
  std::vector<std::string> found;
  std::set<haddr_t> seen;
  // Hard links may form cycles; an object is visited once.
  const auto visit = [&](const auto& self, const std::string& path, int depth) -> void {
    for (const Entry& entry : children(path)) {
      H5O_info_t info;
      if (entry.kind == Kind::Other || H5Oget_info(impl_->open_object(entry.path), &info) < 0) continue;
      if (!seen.insert(info.addr).second) continue;
      if (seen.size() > max_objects) throw Error(ErrorKind::Format, "the HDF5 file has too many objects");
      if (entry.kind == Kind::Dataset)
        found.push_back(entry.path);
      else if (depth < max_depth)
        self(self, entry.path, depth + 1);
    }
  };
  visit(visit, group, 1);
  return found;
}

namespace {

// An attribute's values, opened and checked for size; invalid where it is absent.
struct OpenAttribute {
  Id object, attribute, type;
  std::int64_t count = 0;
};

OpenAttribute open_attribute(const Id& object, const std::string& name) {
  OpenAttribute open;
  if (!object.valid() || H5Aexists(object, name.c_str()) <= 0) return open;
  open.attribute = Id(H5Aopen(object, name.c_str(), H5P_DEFAULT));
  if (!open.attribute.valid()) return open;
  open.type = Id(H5Aget_type(open.attribute));
  const Id space(H5Aget_space(open.attribute));
  open.count = H5Sget_simple_extent_npoints(space);
  const std::size_t size = open.type.valid() ? H5Tget_size(open.type) : 0;
  // Attributes live in object headers or small heaps; anything larger is a damaged size.
  if (size == 0 || open.count < 0 || static_cast<std::size_t>(open.count) > max_text_bytes / size)
    open.attribute = Id();
  return open;
}

std::string trimmed(std::string text) {
  const std::size_t end = text.find('\0');
  if (end != std::string::npos) text.resize(end);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

bool File::has_attribute(const std::string& object, const std::string& name) const {
  if (impl_->remote) return impl_->remote->ask(Question::HasAttribute, object, name).take<bool>();
  const Lock lock;
  const Id opened = impl_->open_object(object);
  return opened.valid() && H5Aexists(opened, name.c_str()) > 0;
}

std::optional<std::string> File::text_attribute(const std::string& object, const std::string& name) const {
  if (impl_->remote) {
    Packet packet = impl_->remote->ask(Question::TextAttribute, object, name);
    return packet.take<bool>() ? std::optional(packet.take_text()) : std::nullopt;
  }
  const Lock lock;
  const Id opened = impl_->open_object(object);
  const OpenAttribute open = open_attribute(opened, name);
  if (!open.attribute.valid() || H5Tget_class(open.type) != H5T_STRING || open.count != 1) return std::nullopt;
  if (H5Tis_variable_str(open.type) > 0) {
    char* text = nullptr;
    const Id memory(H5Tcopy(H5T_C_S1));
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(open.type));
    if (H5Aread(open.attribute, memory, &text) < 0 || !text) return std::nullopt;
    std::string value(text);
    H5free_memory(text);
    return value;
  }
  std::string text(H5Tget_size(open.type), '\0');
  if (H5Aread(open.attribute, open.type, text.data()) < 0) return std::nullopt;
  return trimmed(std::move(text));
}

std::optional<std::vector<double>> File::doubles_attribute(const std::string& object, const std::string& name) const {
  if (impl_->remote) {
    Packet packet = impl_->remote->ask(Question::DoublesAttribute, object, name);
    return packet.take<bool>() ? std::optional(numbers_from<double>(packet)) : std::nullopt;
  }
  const Lock lock;
  const Id opened = impl_->open_object(object);
  const OpenAttribute open = open_attribute(opened, name);
  if (!open.attribute.valid() || !is_number(type_of(open.type))) return std::nullopt;
  std::vector<double> values(static_cast<std::size_t>(open.count));
  if (H5Aread(open.attribute, H5T_NATIVE_DOUBLE, values.data()) < 0) return std::nullopt;
  return values;
}

std::optional<double> File::double_attribute(const std::string& object, const std::string& name) const {
  const auto values = doubles_attribute(object, name);
  if (!values || values->size() != 1) return std::nullopt;
  return values->front();
}

std::optional<std::int64_t> File::int_attribute(const std::string& object, const std::string& name) const {
  if (impl_->remote) {
    Packet packet = impl_->remote->ask(Question::IntAttribute, object, name);
    return packet.take<bool>() ? std::optional(packet.take<std::int64_t>()) : std::nullopt;
  }
  const Lock lock;
  const Id opened = impl_->open_object(object);
  const OpenAttribute open = open_attribute(opened, name);
  if (!open.attribute.valid() || open.count != 1 || !is_integer(type_of(open.type))) return std::nullopt;
  std::int64_t value = 0;
  if (H5Aread(open.attribute, H5T_NATIVE_INT64, &value) < 0) return std::nullopt;
  return value;
}

std::vector<std::string> File::attribute_names(const std::string& object) const {
  if (impl_->remote) return texts_from(impl_->remote->ask(Question::AttributeNames, object));
  const Lock lock;
  const Id opened = impl_->open_object(object);
  std::vector<std::string> names;
  if (!opened.valid()) return names;
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  H5Aiterate2(opened, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names);
  return names;
}

namespace {

void write_attribute(const Id& object, const std::string& path, const std::string& name, hid_t type, const Id& space,
                     const void* values) {
  if (H5Aexists(object, name.c_str()) > 0) H5Adelete(object, name.c_str());
  const Id attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.valid() || H5Awrite(attribute, type, values) < 0)
    fail(ErrorKind::Io, "cannot write an HDF5 attribute", path + " " + name);
}

Id vector_space(std::size_t count) {
  const hsize_t size = count;
  return Id(H5Screate_simple(1, &size, nullptr));
}

}  // namespace

void File::set_text(const std::string& object, const std::string& name, const std::string& value) {
  const Lock lock;
  const Id type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, std::max<std::size_t>(value.size(), 1));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const std::string padded = value.empty() ? std::string(1, '\0') : value;
  write_attribute(impl_->open_object(object), object, name, type, Id(H5Screate(H5S_SCALAR)), padded.data());
}

void File::set_int(const std::string& object, const std::string& name, std::int64_t value) {
  const Lock lock;
  write_attribute(impl_->open_object(object), object, name, H5T_NATIVE_INT64, Id(H5Screate(H5S_SCALAR)), &value);
}

void File::set_double(const std::string& object, const std::string& name, double value) {
  const Lock lock;
  write_attribute(impl_->open_object(object), object, name, H5T_NATIVE_DOUBLE, Id(H5Screate(H5S_SCALAR)), &value);
}

void File::set_ints(const std::string& object, const std::string& name, std::span<const std::int64_t> values) {
  const Lock lock;
  write_attribute(impl_->open_object(object), object, name, H5T_NATIVE_INT64, vector_space(values.size()),
                  values.data());
}

void File::set_doubles(const std::string& object, const std::string& name, std::span<const double> values) {
  const Lock lock;
  write_attribute(impl_->open_object(object), object, name, H5T_NATIVE_DOUBLE, vector_space(values.size()),
                  values.data());
}

}  // namespace erwin::h5
