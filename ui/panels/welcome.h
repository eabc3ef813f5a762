#pragma once
// What stands where the picture will be while nothing is open: what can be opened, and how.

#include <QFrame>
#include <QStringList>
#include <functional>
#include <vector>

#include "core/session/shipped.h"

class QVBoxLayout;

namespace erwin::ui {

class Welcome : public QFrame {
  Q_OBJECT
public:
  explicit Welcome(QWidget* parent = nullptr);
  void show_samples(const std::vector<ShippedSample>& samples);
  void show_recent(const QStringList& recent);
  // What the last start left open, in a line.
  void show_last(const QString& text);

Q_SIGNALS:
  void open_wanted();
  void path_chosen(const QString& data, const QString& model);  // model may be empty
  void own_sample_chosen();
  void last_session_wanted();

private:
  void add_choice(QVBoxLayout* list, const QString& title, const QString& text, const QString& name,
                  std::function<void()> what);
  QVBoxLayout *last_, *samples_, *recent_;
  QWidget* recent_part_;
};

}  // namespace erwin::ui
