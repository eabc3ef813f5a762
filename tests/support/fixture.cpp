#include "tests/support/fixture.h"

#include <hdf5.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace erwin::test {

namespace fs = std::filesystem;

namespace {

// An HDF5 identifier that closes itself.
class Handle {
public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close, const std::string& what) : id_(id), close_(close) {
    if (id_ < 0) throw std::runtime_error("fixture: cannot open " + what);
  }
  ~Handle() { close_(id_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }

private:
  hid_t id_;
  Close close_;
};

// Existence is asked for by trying, which must not print HDF5's error stack.
class QuietErrors {
public:
  QuietErrors() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

std::string absolute(const std::string& path) {
  return path.empty() || path[0] != '/' ? "/" + path : path;
}

std::vector<std::int64_t> shape_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> sizes(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank > 0) H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  return {sizes.begin(), sizes.end()};
}

std::size_t count_of(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const auto size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

template <typename T>
FixtureArray<T> read(hid_t file, const std::string& path, const std::string& what, hid_t memory_type) {
  const Handle dataset(H5Dopen2(file, absolute(path).c_str(), H5P_DEFAULT), H5Dclose, what);
  const Handle space(H5Dget_space(dataset), H5Sclose, what);
  FixtureArray<T> array{shape_of(space), {}};
  array.values.resize(count_of(array.shape));
  if (!array.values.empty() && H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
    throw std::runtime_error("fixture: cannot read " + what);
  return array;
}

H5T_class_t class_of(hid_t file, const std::string& path, const std::string& what) {
  const Handle dataset(H5Dopen2(file, absolute(path).c_str(), H5P_DEFAULT), H5Dclose, what);
  const Handle type(H5Dget_type(dataset), H5Tclose, what);
  return H5Tget_class(type);
}

}  // namespace

Fixture::Fixture(const fs::path& file) : file_(file), id_(H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {
  if (id_ < 0) throw std::runtime_error("fixture: cannot open " + file.string());
}

Fixture::~Fixture() {
  H5Fclose(id_);
}

bool Fixture::has(const std::string& path) const {
  const QuietErrors quiet;
  H5O_info_t info;
  return H5Oget_info_by_name(id_, absolute(path).c_str(), &info, H5P_DEFAULT) >= 0;
}

bool Fixture::is_group(const std::string& path) const {
  const QuietErrors quiet;
  H5O_info_t info;
  return H5Oget_info_by_name(id_, absolute(path).c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5O_TYPE_GROUP;
}

std::vector<std::string> Fixture::children(const std::string& group) const {
  const std::string what = file_.string() + ":" + group;
  const Handle opened(H5Gopen2(id_, absolute(group).c_str(), H5P_DEFAULT), H5Gclose, what);
  H5G_info_t info;
  H5Gget_info(opened, &info);
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto length = H5Lget_name_by_idx(opened, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    std::string name(static_cast<std::size_t>(length), '\0');
    H5Lget_name_by_idx(opened, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1, H5P_DEFAULT);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Fixture::datasets(const std::string& group) const {
  std::vector<std::string> found;
  for (const auto& name : children(group)) {
    const std::string path = group.empty() || group == "/" ? name : group + "/" + name;
    if (!is_group(path)) {
      found.push_back(name);
      continue;
    }
    for (const auto& below : datasets(path)) found.push_back(name + "/" + below);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::int64_t> Fixture::shape(const std::string& path) const {
  const std::string what = file_.string() + ":" + path;
  const Handle dataset(H5Dopen2(id_, absolute(path).c_str(), H5P_DEFAULT), H5Dclose, what);
  const Handle space(H5Dget_space(dataset), H5Sclose, what);
  return shape_of(space);
}

FixtureArray<double> Fixture::doubles(const std::string& path) const {
  return read<double>(id_, path, file_.string() + ":" + path, H5T_NATIVE_DOUBLE);
}

FixtureArray<std::uint8_t> Fixture::bools(const std::string& path) const {
  const std::string what = file_.string() + ":" + path;
  const Handle dataset(H5Dopen2(id_, absolute(path).c_str(), H5P_DEFAULT), H5Dclose, what);
  const Handle type(H5Dget_type(dataset), H5Tclose, what);
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1)
    throw std::runtime_error("fixture: not an array of booleans: " + what);
  return read<std::uint8_t>(id_, path, what, type);
}

FixtureArray<std::int64_t> Fixture::integers(const std::string& path) const {
  const std::string what = file_.string() + ":" + path;
  const auto kind = class_of(id_, path, what);
  if (kind == H5T_ENUM) {
    const auto narrow = bools(path);
    return {narrow.shape, {narrow.values.begin(), narrow.values.end()}};
  }
  if (kind != H5T_INTEGER) throw std::runtime_error("fixture: not an array of integers: " + what);
  return read<std::int64_t>(id_, path, what, H5T_NATIVE_INT64);
}

bool Fixture::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(id_, absolute(object).c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::string Fixture::text_attribute(const std::string& object, const std::string& name) const {
  const std::string what = file_.string() + ":" + object + "@" + name;
  const Handle attribute(H5Aopen_by_name(id_, absolute(object).c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, what);
  const Handle type(H5Aget_type(attribute), H5Tclose, what);
  if (H5Tget_class(type) != H5T_STRING) throw std::runtime_error("fixture: not a text: " + what);
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    if (H5Aread(attribute, type, &text) < 0 || !text) throw std::runtime_error("fixture: cannot read " + what);
    std::string copy = text;
    H5free_memory(text);
    return copy;
  }
  std::string text(H5Tget_size(type), '\0');
  if (H5Aread(attribute, type, text.data()) < 0) throw std::runtime_error("fixture: cannot read " + what);
  return text.substr(0, text.find('\0'));
}

std::vector<double> Fixture::number_attribute(const std::string& object, const std::string& name) const {
  const std::string what = file_.string() + ":" + object + "@" + name;
  const Handle attribute(H5Aopen_by_name(id_, absolute(object).c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, what);
  const Handle space(H5Aget_space(attribute), H5Sclose, what);
  std::vector<double> values(count_of(shape_of(space)));
  if (H5Aread(attribute, H5T_NATIVE_DOUBLE, values.data()) < 0)
    throw std::runtime_error("fixture: cannot read " + what);
  return values;
}

std::vector<fs::path> fixtures_of_kind(const fs::path& folder, const std::string& kind) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    const Fixture fixture(entry.path());
    if (fixture.has_attribute("/", "kind") && fixture.text_attribute("/", "kind") == kind)
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace erwin::test
