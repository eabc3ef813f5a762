#include "ui/scene/prepared_surface.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ui/scene/colour_scale.h"
#include "ui/scene/field_values.h"

namespace erwin::ui {

namespace {

// More faces than this are dealt out to so many piles: software OpenGL draws one in a few hundredths of a second.
constexpr std::size_t most_in_one_pile = 100'000, piles_of_many = 64;
// Neighbours share points; a few of them together have far fewer than each alone.
constexpr std::size_t dealt_together = 64;

std::vector<float> shares_of(const SceneData& data, const SceneState& state, const PointColours& colours) {
  const Field* field = shown_field(data, state);
  if (!field || !colours.legend.scale || !colours.sizes.empty()) return {};
  std::vector<float> shares(static_cast<std::size_t>(data.cloud->size()));
  const int component = shown_component(*field, state);
  for_each_value(*field, component, state.frame, [&](std::size_t point, double value) {
    shares[point] = static_cast<float>(share_of(value, *colours.legend.scale));
  });
  return shares;
}

template <typename Value>
std::vector<Value> gathered(const std::vector<Value>& of_points, const FacePiles::Pile& pile) {
  std::vector<Value> result;
  result.reserve(pile.points.size());
  for (const std::uint32_t point : pile.points) result.push_back(of_points[point]);
  return result;
}

std::vector<float> gathered_places(std::span<const float> of_points, const FacePiles::Pile& pile) {
  std::vector<float> result;
  result.reserve(3 * pile.points.size());
  for (const std::uint32_t point : pile.points) {
    const auto at = of_points.begin() + 3 * static_cast<std::ptrdiff_t>(point);
    result.insert(result.end(), at, at + 3);
  }
  return result;
}

// Deals faces of one width out to the piles and numbers their points anew in each.
class Dealer {
public:
  explicit Dealer(FacePiles& faces)
      : faces_(faces), number_(static_cast<std::size_t>(faces.cloud->size())), pile_of_(number_.size(), none) {}

  void deal(const std::vector<std::uint32_t>& corners, std::size_t width) {
    for (std::size_t begin = 0; begin < corners.size() / width; begin += dealt_together) {
      const std::size_t pile = next_++ % faces_.piles.size();
      for (std::size_t face = begin; face < std::min(begin + dealt_together, corners.size() / width); ++face)
        add(faces_.piles[pile], pile, &corners[face * width], width);
    }
  }

private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // A point's number in a pile is known while the pile was the last that asked for it; else it gets another one: a few
  // points twice in a pile are no harm.
  void add(FacePiles::Pile& pile, std::size_t index, const std::uint32_t* corners, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      const std::uint32_t point = corners[i];
      if (pile_of_[point] != index) {
        pile_of_[point] = index;
        number_[point] = static_cast<long long>(pile.points.size());
        pile.points.push_back(point);
      }
      pile.corners.push_back(number_[point]);
    }
    pile.begin.push_back(static_cast<long long>(pile.corners.size()));
  }

  FacePiles& faces_;
  std::vector<long long> number_;
  std::vector<std::size_t> pile_of_;
  std::size_t next_ = 0;
};

std::shared_ptr<const SurfaceShape> shape_of(std::shared_ptr<const FacePiles> faces, std::int64_t frame) {
  auto shape = std::make_shared<SurfaceShape>();
  shape->faces = std::move(faces);
  shape->frame = frame;
  const PointCloud& cloud = *shape->faces->cloud;
  const std::vector<float> normals = point_normals(cloud, frame);
  for (const FacePiles::Pile& pile : shape->faces->piles)
    shape->piles.push_back({gathered_places(cloud.positions(frame), pile), gathered_places(normals, pile)});
  return shape;
}

}  // namespace

bool shows_faces(const PointCloud& cloud, const SceneState& state) {
  return state.cells != CellStyle::Auto && state.cells != CellStyle::Off &&
         (!cloud.cells().triangles.empty() || !cloud.cells().quads.empty());
}

std::vector<float> point_normals(const PointCloud& cloud, std::int64_t frame) {
  const auto positions = cloud.positions(frame);
  std::vector<float> normals(positions.size());
  const auto add_face = [&](const std::uint32_t* corner, std::size_t count) {
    const auto at = [&](std::size_t i) { return &positions[3 * static_cast<std::size_t>(corner[i])]; };
    float a[3], b[3];
    for (std::size_t k = 0; k < 3; ++k) {
      // A quad's diagonals span twice its area, however it is bent.
      a[k] = at(count == 4 ? 2 : 1)[k] - at(0)[k];
      b[k] = at(count == 4 ? 3 : 2)[k] - at(count == 4 ? 1 : 0)[k];
    }
    const float n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    for (std::size_t i = 0; i < count; ++i) {
      float* sum = &normals[3 * static_cast<std::size_t>(corner[i])];
      const float side = sum[0] * n[0] + sum[1] * n[1] + sum[2] * n[2] < 0 ? -1.0f : 1.0f;
      for (std::size_t k = 0; k < 3; ++k) sum[k] += side * n[k];
    }
  };
  const Cells& cells = cloud.cells();
  for (std::size_t i = 0; i + 3 <= cells.triangles.size(); i += 3) add_face(&cells.triangles[i], 3);
  for (std::size_t i = 0; i + 4 <= cells.quads.size(); i += 4) add_face(&cells.quads[i], 4);
  for (std::size_t i = 0; i + 3 <= normals.size(); i += 3) {
    const float length = std::hypot(normals[i], normals[i + 1], normals[i + 2]);
    if (length > 0)
      for (std::size_t k = 0; k < 3; ++k) normals[i + k] /= length;
  }
  return normals;
}

FacePiles deal_faces(PointCloudPtr cloud) {
  FacePiles faces;
  faces.cloud = std::move(cloud);
  const Cells& cells = faces.cloud->cells();
  const std::size_t count = cells.triangles.size() / 3 + cells.quads.size() / 4;
  faces.piles.resize(count > most_in_one_pile ? piles_of_many : 1);
  Dealer dealer(faces);
  dealer.deal(cells.triangles, 3);
  dealer.deal(cells.quads, 4);
  return faces;
}

PreparedSurfacePtr prepare_surface(const SceneData& data, const SceneState& state, const PointColours& colours,
                                   const PreparedSurfacePtr& before) {
  if (!shows_faces(*data.cloud, state)) return nullptr;
  auto made = std::make_shared<PreparedSurface>();
  const std::shared_ptr<const SurfaceShape> known = before ? before->shape : nullptr;
  const bool same_cells = known && known->faces->cloud == data.cloud;
  if (same_cells && known->frame == state.frame)
    made->shape = known;
  else
    made->shape =
        shape_of(same_cells ? known->faces : std::make_shared<const FacePiles>(deal_faces(data.cloud)), state.frame);
  const std::vector<float> shares = shares_of(data, state, colours);
  for (const FacePiles::Pile& pile : made->shape->faces->piles)
    if (shares.empty())
      made->rgb.push_back(gathered(colours.rgb, pile));
    else
      made->shares.push_back(gathered(shares, pile));
  return made;
}

}  // namespace erwin::ui
