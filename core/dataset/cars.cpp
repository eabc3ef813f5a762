// ShapeNet-Car (N. Umetani and B. Bickel, "Learning three-dimensional flow for interactive aerodynamic design", ACM TOG
// 2018): the pressure on the surface of 889 cars. Two forms of it are read: the authors' archive (folders param0 to
// param8, a folder per car with a legacy VTK mesh of quads and an NPY file of pressures) and the meshes that the
// NeuralOperator developers derived from it (PLY and NPY).

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/dataset/internal/original.h"
#include "core/dataset/internal/quad_mesh.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/npy_array.h"
#include "core/io/internal/text_scan.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr const char* quad_mesh_name = "quadpress_smpl.vtk";
constexpr const char* pressure_name = "press.npy";
constexpr const char* triangle_mesh_name = "tri_mesh.ply";

// Pressures of the derived meshes have entries of vertices that were dropped: these, of 3682 for 3586 vertices.
constexpr std::int64_t first_surplus = 16, surplus = 96;

// The published split counts the complete cars of the archive: 189 to test, drawn once by the authors of UPT (the first
// 189 of torch.randperm(889) from seed 0), the other 700 to train.
constexpr std::size_t published_cars = 889;
constexpr std::int64_t published_test[] = {
    4,   5,   8,   11,  14,  15,  16,  21,  38,  41,  55,  62,  65,  72,  73,  81,  84,  87,  88,  96,  98,
    99,  101, 108, 109, 111, 112, 113, 114, 116, 118, 120, 121, 123, 129, 133, 134, 135, 140, 142, 155, 156,
    162, 163, 168, 174, 177, 181, 182, 188, 189, 190, 195, 203, 209, 210, 212, 216, 218, 222, 227, 229, 239,
    250, 257, 259, 274, 294, 303, 316, 317, 318, 320, 333, 334, 338, 341, 344, 346, 348, 349, 352, 353, 356,
    363, 367, 373, 384, 385, 387, 399, 401, 407, 411, 412, 417, 427, 445, 447, 462, 464, 474, 479, 495, 496,
    500, 505, 508, 512, 515, 517, 518, 523, 525, 528, 531, 537, 542, 546, 547, 550, 551, 555, 580, 584, 592,
    602, 607, 615, 620, 623, 628, 631, 632, 641, 644, 645, 646, 650, 651, 653, 656, 658, 662, 663, 664, 665,
    669, 671, 676, 678, 699, 708, 713, 714, 720, 723, 725, 732, 734, 745, 746, 749, 758, 764, 765, 767, 770,
    773, 779, 786, 788, 790, 798, 805, 808, 809, 821, 828, 829, 836, 837, 840, 843, 849, 854, 876, 877, 878};
static_assert(std::size(published_test) == 189);

// The box of all cars to the unit box, then the same mean and deviation for all axes (the box makes spheres
// ellipsoids); pressures by mean and deviation over the 700.
Normalisation published_constants() {
  constexpr double low[] = {-2, -1, -4.5}, extent[] = {4, 5.5, 10.5}, mean = 0.4063, deviation = 0.1531;
  Normalisation constants;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    constants.position.mean.push_back(low[axis] + mean * extent[axis]);
    constants.position.deviation.push_back(deviation * extent[axis]);
  }
  constants.field["pressure"] = {{-36.3099}, {48.5743}};
  return constants;
}

struct Car {
  std::string name;
  fs::path mesh, pressures;
};

bool is_file(const fs::path& path) {
  std::error_code problem;
  return fs::is_regular_file(path, problem);
}

bool is_folder(const fs::path& path) {
  std::error_code problem;
  return fs::is_directory(path, problem);
}

// --- where the files are ---

// The folder that holds param0, param1, ...; empty where there is none.
fs::path archive_in(const fs::path& root) {
  for (const char* below : {"", "training_data", "mlcfd_data/training_data"})
    if (is_folder(root / below / "param0")) return root / below;
  return {};
}

// The numbered mesh and its pressures: mesh_001.ply and press_001.npy, or 1/tri_mesh.ply and 1/press.npy.
std::optional<Car> derived_car(const fs::path& entry) {
  const std::string name = entry.filename().string();
  if (is_folder(entry) && is_file(entry / triangle_mesh_name))
    return Car{name, entry / triangle_mesh_name, entry / pressure_name};
  if (!name.starts_with("mesh_") || entry.extension() != ".ply") return std::nullopt;
  const std::string id = entry.stem().string().substr(5);
  return Car{id, entry, entry.parent_path() / ("press_" + id + ".npy")};
}

// The folder that holds the numbered meshes; empty where there is none.
fs::path derived_in(const fs::path& root) {
  for (const char* below : {"", "data"}) {
    if (!is_folder(root / below)) continue;
    const std::vector<fs::path> entries = entries_of(root / below);
    if (std::any_of(entries.begin(), entries.end(), [](const fs::path& entry) { return derived_car(entry); }))
      return root / below;
  }
  return {};
}

void add_if_complete(Car car, Original& original, std::vector<Car>& cars) {
  std::string lacks;
  for (const fs::path& file : {car.mesh, car.pressures})
    if (!is_file(file)) lacks += (lacks.empty() ? "" : " and ") + file.filename().string();
  if (lacks.empty())
    cars.push_back(std::move(car));
  else
    original.left_out.push_back({car.name, "it has no " + lacks});
}

// In the order of the published split: by folder, then by name as text.
std::vector<Car> cars_of_archive(const fs::path& folder, Original& original, const Job& job) {
  std::vector<Car> cars;
  for (const fs::path& param : entries_of(folder)) {
    const std::string group = param.filename().string();
    if (!is_folder(param) || !group.starts_with("param")) continue;
    job.check();
    std::vector<fs::path> entries = entries_of(param);
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries)
      if (is_folder(entry))
        add_if_complete({group + "/" + entry.filename().string(), entry / quad_mesh_name, entry / pressure_name},
                        original, cars);
  }
  return cars;
}

std::vector<Car> cars_of_meshes(const fs::path& folder, Original& original) {
  std::vector<Car> cars;
  for (const fs::path& entry : entries_of(folder))
    if (std::optional<Car> car = derived_car(entry)) add_if_complete(std::move(*car), original, cars);
  return cars;
}

// --- splits ---

// "001" and "1" are the same car.
std::string plain_id(std::string_view id) {
  while (id.size() > 1 && id.front() == '0') id.remove_prefix(1);
  return std::string(id);
}

// The cars that a list names, parted by blanks, lines or commas.
std::vector<std::int64_t> listed_cars(const fs::path& list, const std::vector<Car>& cars, bool skip_bad,
                                      Original& original, const Job& job) {
  std::map<std::string, std::int64_t> index_of;
  for (const Car& car : cars) index_of[plain_id(car.name)] = std::ssize(index_of);
  std::string text(io::FileBytes(list, job).view());
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ',' || c == '\n' || c == '\r'; }, ' ');
  std::vector<std::int64_t> indices;
  for (const std::string_view word : io::words_of(text)) {
    const auto found = index_of.find(plain_id(word));
    if (found != index_of.end()) {
      indices.push_back(found->second);
      continue;
    }
    const Error error(ErrorKind::Format, "a split names a missing sample", list.string() + ": " + io::in_quotes(word),
                      "Get the missing mesh and its pressures, or go on without with --skip-bad");
    if (!skip_bad) throw error;
    original.left_out.push_back({std::string(word), why_of(error)});
  }
  return indices;
}

void split_as_published(Original& original) {
  if (original.samples.size() != published_cars) {
    log(LogLevel::Warning, "the published split is of " + std::to_string(published_cars) + " cars, here are " +
                               std::to_string(original.samples.size()) +
                               ": there is no split unless a manifest makes one");
    return;
  }
  original.splits["test"].assign(std::begin(published_test), std::end(published_test));
  for (std::int64_t car = 0; car < std::ssize(original.samples); ++car)
    if (!std::binary_search(std::begin(published_test), std::end(published_test), car))
      original.splits["train"].push_back(car);
}

// By train.txt and test.txt beside the meshes or above them, else as published.
void split_by_lists(const fs::path& root, const fs::path& folder, const std::vector<Car>& cars, bool skip_bad,
                    Original& original, const Job& job) {
  for (const char* split : {"train", "test"})
    for (const fs::path& place : {root, folder}) {
      const fs::path list = place / (std::string(split) + ".txt");
      if (original.splits.contains(split) || !is_file(list)) continue;
      original.splits[split] = listed_cars(list, cars, skip_bad, original, job);
    }
  if (original.splits.empty()) split_as_published(original);
}

// --- one car ---

std::vector<double> pressures_of(const fs::path& file, const Job& job) {
  const io::FileBytes bytes(file, job);
  const io::NpyArray array = io::parse_npy(bytes.view(), {});
  const bool column = array.shape.size() == 2 && array.shape[1] == 1;
  if (!array.plain_numbers() || (array.shape.size() != 1 && !column))
    throw Error(ErrorKind::Format, "the pressures are not one number per vertex", "shape " + array.shape_text());
  return io::numbers_of(array, job);
}

// Of VTK where the mesh is more than the archive's plain quads.
QuadMesh mesh_of(const fs::path& file, const io::OpenOptions& options, const Job& job) {
  if (std::optional<QuadMesh> mesh = read_quad_mesh(file, job)) return std::move(*mesh);
  const PointCloudPtr cloud = io::open(file, options, job);
  QuadMesh mesh;
  mesh.quads = cloud->cells().quads;
  for (std::int64_t point = 0; point < cloud->size(); ++point)
    for (const double coordinate : cloud->position(point)) mesh.positions.push_back(coordinate);
  return mesh;
}

// Vertices that no quad names carry no pressure of the car. Returns the rows of those that stay.
std::vector<std::int64_t> drop_unreferenced(QuadMesh& mesh, std::vector<double>& pressures) {
  std::vector<char> named(pressures.size());
  for (const std::uint32_t vertex : mesh.quads) named[vertex] = 1;
  std::vector<std::uint32_t> number(pressures.size());
  std::vector<std::int64_t> kept;
  for (std::size_t vertex = 0; vertex < named.size(); ++vertex) {
    if (!named[vertex]) continue;
    const std::size_t place = kept.size();
    for (std::size_t axis = 0; axis < 3; ++axis) mesh.positions[3 * place + axis] = mesh.positions[3 * vertex + axis];
    pressures[place] = pressures[vertex];
    number[vertex] = static_cast<std::uint32_t>(place);
    kept.push_back(static_cast<std::int64_t>(vertex));
  }
  for (std::uint32_t& vertex : mesh.quads) vertex = number[vertex];
  mesh.positions.resize(3 * kept.size());
  pressures.resize(kept.size());
  return kept;
}

[[noreturn]] void refuse_counts(std::size_t pressures, std::size_t vertices) {
  throw Error(ErrorKind::Format, "the car has another number of pressures than of vertices",
              std::to_string(pressures) + " and " + std::to_string(vertices), "Copy both files again");
}

PointCloudPtr archive_cloud(const Car& car, std::vector<double> pressures, const io::OpenOptions& options,
                            const Job& job) {
  QuadMesh mesh = mesh_of(car.mesh, options, job);
  if (mesh.positions.size() != 3 * pressures.size()) refuse_counts(pressures.size(), mesh.positions.size() / 3);
  io::CloudBuilder builder("legacy VTK and NPY", options, job);
  const std::size_t before = pressures.size();
  std::vector<std::int64_t> rows = drop_unreferenced(mesh, pressures);
  builder.set_positions(std::move(mesh.positions));
  builder.add_field("pressure", FieldKind::Scalar, 1, std::move(pressures));
  Cells cells;
  cells.quads = std::move(mesh.quads);
  builder.set_cells(std::move(cells));
  if (rows.size() < before)
    builder.remark(std::to_string(before - rows.size()) +
                   " vertices that belong to no quad were left out, with their pressures.");
  PointCloud::Parts parts = builder.finish();
  parts.row_ids = std::move(rows);
  parts.source.path = car.mesh.string();
  return std::make_shared<const PointCloud>(std::move(parts));
}

PointCloudPtr derived_cloud(const Car& car, std::vector<double> pressures, const io::OpenOptions& options,
                            const Job& job) {
  const PointCloudPtr mesh = io::open(car.mesh, options, job);
  const std::int64_t more = std::ssize(pressures) - mesh->size();
  if (more != 0 && (more != surplus || mesh->size() < first_surplus))
    refuse_counts(pressures.size(), static_cast<std::size_t>(mesh->size()));
  pressures.erase(pressures.begin() + (more ? first_surplus : 0),
                  pressures.begin() + (more ? first_surplus + more : 0));
  io::CloudBuilder builder("PLY and NPY", options, job);
  std::vector<double> positions;
  for (std::int64_t point = 0; point < mesh->size(); ++point)
    for (const double coordinate : mesh->position(point)) positions.push_back(coordinate);
  builder.set_positions(std::move(positions));
  builder.add_field("pressure", FieldKind::Scalar, 1, std::move(pressures));
  builder.set_cells(mesh->cells());
  if (more) builder.remark("The pressures 16 to 111, which belong to no vertex of the mesh, were left out.");
  PointCloud::Parts parts = builder.finish();
  parts.source.path = car.mesh.string();
  return std::make_shared<const PointCloud>(std::move(parts));
}

class CarSource : public SampleSource {
public:
  CarSource(std::vector<Car> cars, bool archive, const io::OpenOptions& options)
      : cars_(std::move(cars)), archive_(archive), options_(options) {
    options_.sample.clear();
    options_.positions.clear();
    options_.drop_nonfinite = false;  // a vertex cannot go without its pressure
  }

  PointCloudPtr load(std::int64_t sample, const std::set<std::string>&, const Job& job) const override {
    const Car& car = cars_.at(static_cast<std::size_t>(sample));
    const auto named = [](const fs::path& file, auto work) {
      try {
        return work();
      } catch (const Error& error) {
        throw error.kind() == ErrorKind::Cancelled || error.detail().find(file.string()) != std::string::npos
            ? error
            : error.at(file.string());
      }
    };
    std::vector<double> pressures = named(car.pressures, [&] { return pressures_of(car.pressures, job); });
    return named(car.mesh,
                 [&] { return (archive_ ? archive_cloud : derived_cloud)(car, std::move(pressures), options_, job); });
  }

  std::int64_t largest(std::span<const std::int64_t> samples) const override {
    std::error_code problem;
    const auto bytes = [&](std::int64_t sample) {
      return fs::file_size(cars_[static_cast<std::size_t>(sample)].mesh, problem);
    };
    return *std::max_element(samples.begin(), samples.end(),
                             [&](std::int64_t a, std::int64_t b) { return bytes(a) < bytes(b); });
  }

  // Over names, all pressures and the sizes of the meshes.
  std::string fingerprint(const Job& job) const override {
    Sha256 hash;
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      job.check();
      job.progress(static_cast<double>(i) / static_cast<double>(cars_.size()), "hashing the data");
      const io::FileBytes pressures(cars_[i].pressures, job);
      const std::uint64_t mesh_bytes = io::InputFile(cars_[i].mesh).size();
      hash.update(cars_[i].name.data(), cars_[i].name.size());
      hash.update(pressures.view().data(), pressures.view().size());
      hash.update(&mesh_bytes, sizeof mesh_bytes);
    }
    return hash.hex();
  }

private:
  std::vector<Car> cars_;
  bool archive_;
  io::OpenOptions options_;
};

}  // namespace

bool is_cars(const fs::path& path) {
  if (!is_folder(path)) return false;
  const fs::path archive = archive_in(path);
  if (archive.empty()) {
    const fs::path meshes = derived_in(path);
    if (meshes.empty()) return false;
    const std::vector<fs::path> entries = entries_of(meshes);
    return std::any_of(entries.begin(), entries.end(), [](const fs::path& entry) {
      const std::optional<Car> car = derived_car(entry);
      return car && is_file(car->pressures);
    });
  }
  const std::vector<fs::path> cars = entries_of(archive / "param0");
  return std::any_of(cars.begin(), cars.end(), [](const fs::path& car) { return is_file(car / quad_mesh_name); });
}

Original open_cars(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job) {
  Original original;
  original.name = "shapenet-car";
  original.target = "pressure";
  if (wanted.published_constants) original.constants = published_constants();
  const fs::path archive = archive_in(wanted.root);
  const fs::path folder = archive.empty() ? derived_in(wanted.root) : archive;
  if (folder.empty())
    throw Error(ErrorKind::Format, "there are no cars in this folder", wanted.root.string(),
                "Name the folder that holds param0 to param8, or mesh_*.ply and press_*.npy");
  std::vector<Car> cars = archive.empty() ? cars_of_meshes(folder, original) : cars_of_archive(folder, original, job);
  for (const Car& car : cars) original.samples.push_back({car.name, car.mesh, {}, 0});
  if (archive.empty())
    split_by_lists(wanted.root, folder, cars, options.skip_bad, original, job);
  else
    split_as_published(original);
  for (auto& [split, samples] : original.splits)
    if (const auto found = wanted.samples.find(split); found != wanted.samples.end())
      keep_first(samples, found->second);
  original.source = std::make_shared<CarSource>(std::move(cars), !archive.empty(), options);
  return original;
}

}  // namespace erwin
