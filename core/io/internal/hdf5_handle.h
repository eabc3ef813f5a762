#pragma once
// What the files that call the HDF5 C library share: the one mutex, identifiers that close themselves, its error text.

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/io/internal/hdf5.h"
#include "core/io/internal/hdf5_remote.h"

namespace erwin::h5 {

// Held by whoever is inside HDF5; also keeps the library from printing its error stack.
class Lock {
public:
  Lock();
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
};

// An identifier of any class, closed when it goes.
class Id {
public:
  Id() = default;
  explicit Id(hid_t id) : id_(id) {}
  ~Id() { reset(); }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Id& operator=(Id&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, -1);
    }
    return *this;
  }
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }
  hid_t release() { return std::exchange(id_, -1); }

private:
  void reset() {
    if (id_ >= 0 && H5Iis_valid(id_) > 0) H5Idec_ref(id_);
    id_ = -1;
  }
  hid_t id_ = -1;
};

// Throws an Error of `kind` whose detail is the object and the innermost message of HDF5's error stack.
[[noreturn]] void fail(ErrorKind kind, const std::string& message, const std::string& object,
                       const std::string& hint = {});

struct File::Impl {
  std::unique_ptr<Remote> remote;  // reads the file in a child; null where it is open in this process
  Id file;
  Id access;  // link access that refuses to leave the file
  std::uint64_t bytes = 0;
  bool writable = false;

  Id open_object(const std::string& path) const;
  Id open_dataset(const std::string& path) const;
};

// Our name for an HDF5 datatype.
Type type_of(hid_t datatype);

}  // namespace erwin::h5
