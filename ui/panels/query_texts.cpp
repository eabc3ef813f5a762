#include "ui/panels/query_texts.h"

#include <QFileInfo>
#include <QObject>
#include <QStringList>
#include <cmath>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

QString side_text(const QueryRequest& side) {
  return QObject::tr("layer %1, %2")
      .arg(side.layer)
      .arg(side.head < 0 ? QObject::tr("mean of heads") : QObject::tr("head %1").arg(side.head));
}

}  // namespace

QString set_text(const SetLooks& looks) {
  const QString points = whole(std::ssize(*looks.points));
  if (looks.look.name() == selection_looks_at) {
    QString text = QObject::tr(
                       "Where the %1 selected points look: the mean of their rows A. It adds up to %2 over all points, "
                       "%3 of it on the selected ones")
                       .arg(points, number(looks.sum), number(looks.from_themselves));
    if (looks.memory > 0) text += QObject::tr("; %1 more goes to the memory slot").arg(number(looks.memory));
    return text + ".";
  }
  QString text = QObject::tr(
                     "Who looks at the %1 selected points: every point's number is the part of its row A that goes "
                     "there. They add up to what the selection receives: %2 points' worth of attention, %3 of it from "
                     "itself.")
                     .arg(points, number(looks.sum), number(looks.from_themselves));
  if (!looks.selectors.empty())
    text += " " + QObject::tr("%1 query blocks selected one of its blocks.").arg(whole(std::ssize(looks.selectors)));
  return text;
}

QString comparison_text(const Comparison& comparison) {
  const Agreement& a = comparison.agreement;
  QString other = side_text(comparison.other);
  if (!comparison.against.checkpoint.empty())
    other = QFileInfo(QString::fromStdString(comparison.against.checkpoint)).fileName() + ", " + other;
  QStringList parts;
  const auto add = [&](double value, const QString& sentence) {
    if (!std::isnan(value)) parts << sentence.arg(number(value));
  };
  add(a.divergence, QObject::tr("the query's rows diverge by %1 bits (Jensen-Shannon)"));
  add(a.overlap, QObject::tr("they overlap by %1"));
  add(a.selected, QObject::tr("%1 of the points its block selected are in common"));
  add(a.mean_selected, QObject::tr("%1 of them on average over all points"));
  add(a.prediction_correlation, QObject::tr("the predictions correlate by %1"));
  add(a.prediction_difference, QObject::tr("and differ by %1 (root mean square)"));
  return QObject::tr("%1 beside %2: %3.").arg(side_text(comparison.shown), other, parts.join("; "));
}

QString comparison_tip() {
  return QObject::tr(
      "Jensen-Shannon divergence (Lin, IEEE Trans. Inf. Theory 37, 1991): (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / "
      "2, in bits, p and q the rows divided by their sums: 0 for equal rows, 1 for rows without a common point. "
      "Overlap: "
      "sum_j min(p_j, q_j). Selected points in common: those in blocks that both selected, of those that either did "
      "(Jaccard)");
}

}  // namespace erwin::ui
