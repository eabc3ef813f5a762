#include "ui/panels/sample_texts.h"

#include <QObject>
#include <QStringList>
#include <cmath>

#include "core/engine/snapshot.h"
#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

QString row(const QString& name, const QString& a, const QString& b) {
  return QStringLiteral(
             "<tr><td>%1&nbsp;&nbsp;</td><td align='right'>%2&nbsp;&nbsp;</td><td align='right'>%3</td></tr>")
      .arg(name, a, b);
}

QString row(const QString& name, double a, double b) {
  return row(name, std::isnan(a) ? QObject::tr("none") : number(a), std::isnan(b) ? QObject::tr("none") : number(b));
}

QString distribution_rows(const DistributionPair& pair) {
  const Distribution &a = pair.shown, &b = pair.other;
  QString text = row(QObject::tr("mean"), a.mean, b.mean) +
                 row(QObject::tr("standard deviation"), a.deviation, b.deviation) +
                 row(QObject::tr("smallest"), a.minimum, b.minimum);
  const QString names[] = {QObject::tr("5 %"), QObject::tr("25 %"), QObject::tr("median"), QObject::tr("75 %"),
                           QObject::tr("95 %")};
  for (std::size_t i = 0; i < a.quantiles.size(); ++i) text += row(names[i], a.quantiles[i], b.quantiles[i]);
  text += row(QObject::tr("largest"), a.maximum, b.maximum);
  if (a.nonfinite + b.nonfinite > 0) text += row(QObject::tr("not finite"), whole(a.nonfinite), whole(b.nonfinite));
  return text;
}

QString error_rows(const SceneData& shown, const SceneData& other) {
  const auto &a = shown.prediction, &b = other.prediction;
  if (!a || !b || !a->metrics || !b->metrics) return {};
  return row(QObject::tr("relative L2 error"), a->metrics->relative_l2, b->metrics->relative_l2) +
         row(QObject::tr("mean absolute error"), a->metrics->mae, b->metrics->mae);
}

QString reach_row(const QString& name, const std::shared_ptr<const Reach>& a, const std::shared_ptr<const Reach>& b) {
  if (!a || !b) return {};
  const auto percent = [](const Reach& reach) {
    return QObject::tr("%1 % of points").arg(number(100 * reach.concentration.share_90));
  };
  return row(name, percent(*a), percent(*b));
}

QString gap_sentence(const DistributionPair& pair, const std::string& unit) {
  if (std::isnan(pair.kolmogorov)) return {};
  return QObject::tr(
             "The two distributions differ by up to %1 % (Kolmogorov-Smirnov), and by %2 on average "
             "(Wasserstein). ")
      .arg(number(100 * pair.kolmogorov), number(pair.wasserstein) + (unit.empty() ? "" : " " + escaped(unit)));
}

}  // namespace

QString sample_text(const SampleSide& shown, const SampleSide& other, const ComparedFields* fields, bool asked) {
  QString text = QObject::tr("<b>%1</b> beside <b>%2</b>").arg(escaped(shown.name), escaped(other.name));
  if (fields) {
    const Field& field = *fields->of.shown;
    const std::string unit = field.unit().empty() ? std::string() : " [" + field.unit() + "]";
    text += QStringLiteral(": ") + escaped(field.name() + unit);
  }
  text += "<table>" + row(QObject::tr("points"), whole(shown.data.cloud->size()), whole(other.data.cloud->size()));
  if (fields) text += distribution_rows(fields->numbers);
  text += error_rows(shown.data, other.data);
  text += reach_row(QObject::tr("90 % of the rollout"), shown.data.rollout, other.data.rollout);
  text += reach_row(QObject::tr("90 % of the receptive field"), shown.data.receptive, other.data.receptive);
  text += "</table>";
  if (fields) text += gap_sentence(fields->numbers, fields->of.shown->unit());
  text += QObject::tr("The points are different ones: nothing is subtracted point by point.");
  if (!other.data.prediction) text += " " + QObject::tr("Without a network only the fields of the files are compared.");
  if (other.point >= 0)
    text +=
        " " + (asked ? QObject::tr("The second picture's query is its point %1.")
                     : QObject::tr("The second picture's query is its point %1, at the same place of its box; click "
                                   "there for another."))
                  .arg(other.point);
  return text;
}

QString sample_tip() {
  return QObject::tr(
      "Both samples, predicted by the same network. F and G are the parts of all points with at most a value x: "
      "Kolmogorov-Smirnov is max_x |F(x) - G(x)| (Massey, J. Am. Stat. Assoc. 46, 1951), Wasserstein-1 the integral of "
      "|F - G| over x: how far the values of one must be moved on average to become the other's (Vallender, Theory "
      "Probab. Appl. 18, 1974)");
}

}  // namespace erwin::ui
