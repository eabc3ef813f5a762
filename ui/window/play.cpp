#include "ui/window/play.h"

#include <unistd.h>

#include <QAction>
#include <QApplication>
#include <QDateTime>
#include <QDropEvent>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QKeyEvent>
#include <QKeySequence>
#include <QMimeData>
#include <QMouseEvent>
#include <QPixmap>
#include <QSocketNotifier>
#include <QTimer>
#include <QUrl>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/matrix_panel.h"
#include "ui/panels/training_panel.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"
#include "ui/window/play_report.h"
#include "ui/window/play_steps.h"
#include "ui/window/play_timer.h"

namespace erwin::ui {

namespace {

constexpr int pause_ms = 20;

qint64 whole_number(const std::string& text) {
  bool ok = false;
  const qint64 value = QString::fromStdString(text).toLongLong(&ok);
  if (!ok) throw Error(ErrorKind::Config, "a whole number was expected", text);
  return value;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string trimmed(const std::string& text) {
  return QString::fromStdString(text).trimmed().toStdString();
}

void resize_picture(MainWindow& window, const std::string& text) {
  int width = 0, height = 0;
  if (std::sscanf(text.c_str(), "%dx%d", &width, &height) != 2 || width < 320 || height < 240 || width > 8192 ||
      height > 8192)
    throw Error(ErrorKind::Config, "this size is not understood", text,
                "Write it as WIDTHxHEIGHT, from 320x240 to 8192x8192");
  window.view()->setFixedSize(width, height);
  window.adjustSize();
}

// Where a key goes: the popup's own focus first, as a popup has the keyboard to itself.
QWidget* keyboard_owner(MainWindow& window) {
  if (QWidget* popup = QApplication::activePopupWidget()) return popup->focusWidget() ? popup->focusWidget() : popup;
  if (QWidget* modal = QApplication::activeModalWidget()) return modal->focusWidget() ? modal->focusWidget() : modal;
  return QApplication::focusWidget() ? QApplication::focusWidget() : &window;
}

// Through the shortcuts first, as the window system would.
void press(QWidget* widget, int key, Qt::KeyboardModifiers modifiers, const QString& text) {
  QKeyEvent over(QEvent::ShortcutOverride, key, modifiers, text);
  over.ignore();
  QApplication::sendEvent(widget, &over);
  if (!over.isAccepted() && !QApplication::activePopupWidget()) {
    const QKeySequence pressed(QKeyCombination(modifiers, static_cast<Qt::Key>(key)));
    for (QAction* action : widget->window()->actions())
      if (action->shortcut() == pressed && action->isEnabled()) {
        action->trigger();
        return;
      }
  }
  QKeyEvent down(QEvent::KeyPress, key, modifiers, text), up(QEvent::KeyRelease, key, modifiers, text);
  QApplication::sendEvent(widget, &down);
  QApplication::sendEvent(widget, &up);
}

void press_keys(MainWindow& window, const std::string& keys) {
  const QKeySequence sequence(QString::fromStdString(keys), QKeySequence::PortableText);
  if (sequence.isEmpty() || sequence[0].key() == Qt::Key_unknown)
    throw Error(ErrorKind::Config, "these keys are not understood", keys, "Write them like Ctrl+K, F1, Return");
  for (int i = 0; i < sequence.count(); ++i)
    press(keyboard_owner(window), sequence[static_cast<uint>(i)].key(),
          sequence[static_cast<uint>(i)].keyboardModifiers(), {});
}

void type_text(MainWindow& window, const std::string& text) {
  for (const QChar letter : QString::fromStdString(text))
    press(keyboard_owner(window), letter.toUpper().unicode(), Qt::NoModifier, letter);
}

void click(MainWindow& window, const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 2) throw Error(ErrorKind::Config, "a place was expected", text, "Write it as X Y");
  const QPointF at(static_cast<double>(whole_number(words[0])), static_cast<double>(whole_number(words[1])));
  const QPointF global = window.view()->mapToGlobal(at);
  QMouseEvent down(QEvent::MouseButtonPress, at, global, Qt::LeftButton, Qt::LeftButton, {});
  QMouseEvent up(QEvent::MouseButtonRelease, at, global, Qt::LeftButton, Qt::NoButton, {});
  QApplication::sendEvent(window.view(), &down);
  QApplication::sendEvent(window.view(), &up);
}

// Through the mouse, as a person would point.
void point_at_cell(MainWindow& window, const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 2) throw Error(ErrorKind::Config, "a cell was expected", text, "Write it as ROW COLUMN");
  MatrixView& matrix = *window.matrix_panel()->view();
  const QPointF at =
      matrix.cell_rect({static_cast<int>(whole_number(words[0])), static_cast<int>(whole_number(words[1]))}).center();
  if (!matrix.isVisible() || !matrix.cell_at(at))
    throw Error(ErrorKind::Config, "the matrix shows no such cell", text, "Show it first: action panel-matrix");
  QMouseEvent move(QEvent::MouseMove, at, matrix.mapToGlobal(at), Qt::NoButton, {}, {});
  QApplication::sendEvent(&matrix, &move);
}

// Through the mouse.
void click_ball(MainWindow& window, const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 2) throw Error(ErrorKind::Config, "a ball was expected", text, "Write it as LEVEL NUMBER");
  IcicleView& tree = *window.icicle_panel()->view();
  const IcicleView::Ball ball{static_cast<int>(whole_number(words[0])), whole_number(words[1])};
  const QPointF at = tree.ball_rect(ball).center();
  if (!tree.isVisible() || !(tree.ball_at(at) == ball))
    throw Error(ErrorKind::Config, "the icicle shows no such ball", text,
                "Show it first: action panel-icicle; balls narrower than a pixel are left out");
  for (const auto& [type, buttons] :
       {std::pair(QEvent::MouseMove, Qt::NoButton), std::pair(QEvent::MouseButtonPress, Qt::LeftButton),
        std::pair(QEvent::MouseButtonRelease, Qt::NoButton)}) {
    QMouseEvent event(type, at, tree.mapToGlobal(at), type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton,
                      buttons, {});
    QApplication::sendEvent(&tree, &event);
  }
}

void select_points(MainWindow& window, const std::string& text) {
  const auto words = words_of(text);
  const std::string what = words.empty() ? std::string() : words.front();
  if (what == "none" || (what == "ids" && words.size() == 2)) return window.set_option("selection", words.back());
  const bool lasso = what == "lasso";
  if ((!lasso && what != "box") || words.size() % 2 == 0 || words.size() < (lasso ? 7u : 5u) ||
      (!lasso && words.size() > 5))
    throw Error(ErrorKind::Config, "a selection was expected", text,
                "Write it as box X0 Y0 X1 Y1, lasso X Y X Y X Y ..., ids IDS or none");
  const Qt::KeyboardModifiers keys = lasso ? Qt::ShiftModifier | Qt::ControlModifier : Qt::ShiftModifier;
  QWidget& view = *window.view();
  const auto send = [&](QEvent::Type type, const QPointF& at, Qt::MouseButtons held) {
    QMouseEvent event(type, at, view.mapToGlobal(at), type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, held,
                      keys);
    QApplication::sendEvent(&view, &event);
  };
  QPointF at;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
    at = {static_cast<double>(whole_number(words[i])), static_cast<double>(whole_number(words[i + 1]))};
    send(i == 1 ? QEvent::MouseButtonPress : QEvent::MouseMove, at, Qt::LeftButton);
  }
  send(QEvent::MouseButtonRelease, at, Qt::NoButton);
}

void drag_points(MainWindow& window, const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 4) throw Error(ErrorKind::Config, "a drag was expected", text, "Write it as X0 Y0 X1 Y1");
  QWidget& view = *window.view();
  const auto send = [&](QEvent::Type type, std::size_t word, Qt::MouseButtons held) {
    const QPointF at(static_cast<double>(whole_number(words[word])),
                     static_cast<double>(whole_number(words[word + 1])));
    QMouseEvent event(type, at, view.mapToGlobal(at), type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, held,
                      Qt::AltModifier | Qt::ShiftModifier);
    QApplication::sendEvent(&view, &event);
  };
  send(QEvent::MouseButtonPress, 0, Qt::LeftButton);
  send(QEvent::MouseMove, 2, Qt::LeftButton);
  send(QEvent::MouseButtonRelease, 2, Qt::NoButton);
}

void drop(MainWindow& window, const std::string& path) {
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(QString::fromStdString(path))});
  QDragEnterEvent enter(window.rect().center(), Qt::CopyAction, &data, Qt::LeftButton, {});
  QApplication::sendEvent(&window, &enter);
  if (!enter.isAccepted()) throw Error(ErrorKind::Internal, "the window takes no files", path);
  QDropEvent event(QPointF(window.rect().center()), Qt::CopyAction, &data, Qt::LeftButton, {});
  QApplication::sendEvent(&window, &event);
}

QString as_text(const QJsonValue& value) {
  if (value.isString()) return value.toString();
  if (value.isNull()) return QStringLiteral("none");
  if (value.isDouble()) return QString::number(value.toDouble(), 'g', 12);
  const QJsonDocument document = value.isArray() ? QJsonDocument(value.toArray()) : QJsonDocument(value.toObject());
  return document.toJson(QJsonDocument::Compact);
}

}  // namespace

Play::Play(MainWindow& window, const std::string& source)
    : window_(window), source_(source), timer_(std::make_unique<PlayTimer>(window)) {
  add_state_steps();
  add_input_steps();
  add_output_steps();
}

Play::~Play() = default;

void Play::add_state_steps() {
  const auto add = [this](const char* verb, std::function<void(const std::string&)> what) {
    steps_[verb] = [what = std::move(what)](const std::string& rest) {
      what(rest);
      return true;
    };
  };
  const auto option = [this](const char* name) {
    return [this, name](const std::string& rest) { window_.set_option(name, rest); };
  };
  add("open", [this](const std::string& rest) {
    if (rest.empty()) throw Error(ErrorKind::Config, "a file was expected", "open");
    rest == "own" ? window_.open_own_sample() : window_.open(QString::fromStdString(rest));
  });
  steps_["load"] = steps_["open"];
  add("run", [this](const std::string&) { window_.predict(); });
  add("sample", [this](const std::string& rest) { window_.open_sample(QString::fromStdString(rest)); });
  add("query", option("point"));
  for (const char* name : {"layer", "head", "branch", "level", "frame", "theme", "camera", "against", "heads"})
    add(name, option(name));
  add("color", [this](const std::string& rest) {
    const auto names = field_names(window_.scene_data());
    const bool known = std::find(names.begin(), names.end(), rest) != names.end() ||
                       is_on_request(window_.scene_data(), window_.state(), rest);
    const bool is_word =
        !known || rest == "prediction" || rest == "target" || rest == "error" || rest == "attention" || rest == "balls";
    window_.set_option(is_word ? "color" : "field", rest);
  });
  add("size", [this](const std::string& rest) { resize_picture(window_, rest); });
  add("set", [this](const std::string& rest) {
    const std::size_t space = rest.find(' ');
    const std::string name = rest.substr(0, space),
                      value = space == std::string::npos ? std::string() : trimmed(rest.substr(space));
    RunSettings run = window_.session().now().run;
    if (name == "size") {
      resize_picture(window_, value);
    } else if (name == "device") {
      run.device = value;
      window_.configure(run);
    } else if (name == "precision") {
      run.precision = precision_from(value);
      window_.configure(run);
    } else {
      window_.set_option(name, value);
    }
  });
  add("train", [this](const std::string& rest) {
    const auto words = words_of(rest);
    if (words.size() < 3 || words.size() > 4)
      throw Error(ErrorKind::Config, "a run needs a configuration, data and a folder", rest,
                  "Write it as: train CONFIG DATA OUT [STEPS]");
    const auto word = [&](std::size_t i) { return i < words.size() ? QString::fromStdString(words[i]) : QString(); };
    window_.start_training({word(0), word(1), word(2), word(3)});
  });
  add("watch", [this](const std::string& rest) { window_.watch_run(QString::fromStdString(rest)); });
  add("session", [this](const std::string& rest) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    const std::string verb = rest.substr(0, space);
    const QString path = QString::fromStdString(trimmed(rest.substr(space)));
    if ((verb != "save" && verb != "open") || path.isEmpty())
      throw Error(ErrorKind::Config, "a session is saved or opened", rest,
                  "Write it as: session save FILE, session open FILE");
    verb == "save" ? window_.save_session(path) : window_.open_session(path);
  });
  add("what-if", [this](const std::string& rest) { window_.what_if(rest); });
  add("undo", [this](const std::string&) { window_.undo(); });
  add("redo", [this](const std::string&) { window_.redo(); });
}

void Play::add_input_steps() {
  const auto add = [this](const char* verb, std::function<void(const std::string&)> what) {
    steps_[verb] = [what = std::move(what)](const std::string& rest) {
      what(rest);
      return true;
    };
  };
  add("drop", [this](const std::string& rest) { drop(window_, rest); });
  add("key", [this](const std::string& rest) { press_keys(window_, rest); });
  add("type", [this](const std::string& rest) { type_text(window_, rest); });
  add("click", [this](const std::string& rest) { click(window_, rest); });
  add("cell", [this](const std::string& rest) { point_at_cell(window_, rest); });
  add("select", [this](const std::string& rest) { select_points(window_, rest); });
  add("drag", [this](const std::string& rest) { drag_points(window_, rest); });
  add("ball", [this](const std::string& rest) { click_ball(window_, rest); });
  add("action", [this](const std::string& rest) {
    QAction* action = window_.action(QString::fromStdString(rest));
    if (!action)
      throw Error(ErrorKind::Config, "there is no such action", rest, "'erwinscope gui --help' lists the actions");
    action->trigger();
  });
}

void Play::add_output_steps() {
  steps_["wait"] = [this](const std::string& rest) { return wait_for(rest); };
  steps_["assert"] = [this](const std::string& rest) {
    check(rest);
    return true;
  };
  steps_["print"] = [this](const std::string& rest) {
    if (rest == "selection")
      write(selection_report(window_));
    else if (rest == "fields")
      write(fields_report(window_));
    else if (rest == "options")
      write(options_report(window_));
    else if (rest == "run")
      write(run_report(window_));
    else
      throw Error(ErrorKind::Config, "there is nothing of this name to print", rest,
                  "Use selection, fields, options or run");
    return true;
  };
  steps_["time"] = [this](const std::string& rest) {
    if (!timer_->time([&] { perform(rest); })) return false;
    QJsonObject report = timer_->report();
    report["step"] = QString::fromStdString(rest);
    write(report);
    return true;
  };
  steps_["turn"] = [this](const std::string& rest) {
    if (!timer_->turn(static_cast<int>(std::clamp<qint64>(whole_number(rest), 1, 10'000)))) return false;
    write(timer_->report());
    return true;
  };
  steps_["screenshot"] = [this](const std::string& rest) {
    if (!window_.scene_data().cloud)
      throw Error(ErrorKind::Config, "there is no picture yet", "nothing is open", "Open a cloud, and wait idle");
    write_png(rest, window_.picture());
    return true;
  };
  steps_["matrix"] = [this](const std::string& rest) {
    window_.save_matrix(QString::fromStdString(rest));
    return true;
  };
  steps_["attribution"] = [this](const std::string& rest) {
    window_.save_attribution(QString::fromStdString(rest));
    return true;
  };
  steps_["export"] = [this](const std::string& rest) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    window_.export_to(rest.substr(0, space), QString::fromStdString(trimmed(rest.substr(space))));
    return true;
  };
  steps_["grab"] = [this](const std::string& rest) {
    QPixmap picture = window_.grab();
    if (const QWidget* popup = QApplication::activePopupWidget(); popup && popup != &window_) {
      const QPoint at = window_.mapFromGlobal(popup->mapToGlobal(QPoint(0, 0)));
      const_cast<QWidget*>(popup)->render(&picture, at);
    }
    if (!picture.save(QString::fromStdString(rest), "PNG"))
      throw Error(ErrorKind::Io, "the picture cannot be written", rest);
    return true;
  };
  steps_["quit"] = [this](const std::string&) {
    finish(0);
    return true;
  };
}

namespace {

// What a run that is finished did not do, it never will; one that was stopped may go on.
void require_going_on(const RunState& run) {
  if (run.phase == RunPhase::Failed) throw Error(ErrorKind::Internal, run.error, {}, run.hint);
  if (run.phase == RunPhase::Finished)
    throw Error(ErrorKind::Config, "the run is finished and will not come to that",
                "step " + std::to_string(run.step) + " of " + std::to_string(run.steps),
                "Let it make more steps, or wait for something else");
}

}  // namespace

bool Play::wait_for(const std::string& what) {
  if (what == "idle") {
    if (!window_.idle()) return false;
    if (const auto failure = window_.take_failure())
      throw Error(failure->kind, failure->message, failure->detail, failure->hint);
    return true;
  }
  if (what == "probe") {
    if (window_.shows_probe()) return true;
    if (const auto run = window_.run_monitor().view(); run && run->exists) require_going_on(run->state);
    return false;
  }
  const auto words = words_of(what);
  if (words.size() == 2 && (words[0] == "run" || words[0] == "step")) {
    const auto run = window_.run_monitor().view();
    if (run && !run->start_failed.empty()) throw Error(ErrorKind::Config, "the run did not start", run->start_failed);
    if (!run || !run->exists) return false;
    // The step as the metrics and as the state know it: the two are not written at the same moment.
    const std::int64_t step = std::max<std::int64_t>(run->step, run->state.step);
    if (words[0] == "run" ? words[1] == name_of(run->state.phase) : step >= whole_number(words[1])) return true;
    require_going_on(run->state);
    return false;
  }
  if (wait_until_ == 0)
    wait_until_ = QDateTime::currentMSecsSinceEpoch() + std::clamp<qint64>(whole_number(what), 0, 600'000);
  if (QDateTime::currentMSecsSinceEpoch() < wait_until_) return false;
  wait_until_ = 0;
  return true;
}

// "fields prediction error", "query 120", "layer 3", any key of the report of the selection.
void Play::check(const std::string& what) {
  const auto words = words_of(what);
  if (words.size() < 2)
    throw Error(ErrorKind::Config, "an assert needs a name and a value", what, "Like 'assert layer 3'");
  if (words[0] == "fields") {
    const auto names = field_names(window_.scene_data());
    for (std::size_t i = 1; i < words.size(); ++i)
      if (std::find(names.begin(), names.end(), words[i]) == names.end()) {
        std::string there;
        for (const std::string& name : names) there += (there.empty() ? "" : ", ") + name;
        throw Error(ErrorKind::Internal, "there is no field " + words[i],
                    there.empty() ? "none at all" : "only " + there);
      }
    return;
  }
  const QString key = QString::fromStdString(words[0] == "query" ? "point" : words[0]);
  const QJsonObject selection = selection_report(window_), options = options_report(window_);
  if (!selection.contains(key) && !options.contains(key))
    throw Error(ErrorKind::Config, "there is nothing of this name to assert", words[0],
                "Use fields, an option of the picture, or a key of 'print selection'");
  const QString found = as_text(selection.contains(key) ? selection[key] : options[key]);
  const std::string wanted = trimmed(what.substr(words[0].size()));
  if (found.toStdString() != wanted)
    throw Error(ErrorKind::Internal, words[0] + " is not " + wanted, "it is " + found.toStdString());
}

void Play::write(const QJsonObject& object) const {
  std::printf("%s\n", QJsonDocument(object).toJson(QJsonDocument::Compact).constData());
  std::fflush(stdout);
}

void Play::start(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) unread_ += line + "\n";
  complete_ = true;
  take_lines(true);
  soon();
}

void Play::start(int descriptor) {
  descriptor_ = descriptor;
  notifier_ = new QSocketNotifier(descriptor, QSocketNotifier::Read, this);
  connect(notifier_, &QSocketNotifier::activated, this, &Play::read_more);
}

void Play::read_more() {
  char buffer[4096];
  const ssize_t got = ::read(descriptor_, buffer, sizeof buffer);
  if (got > 0) unread_.append(buffer, static_cast<std::size_t>(got));
  if (got <= 0) {
    complete_ = true;
    notifier_->setEnabled(false);
  }
  take_lines(complete_);
  soon();
}

void Play::take_lines(bool all) {
  std::size_t begin = 0;
  for (std::size_t end; (end = unread_.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines_.emplace_back(++lines_read_, trimmed(unread_.substr(begin, end - begin)));
  unread_.erase(0, begin);
  if (all && !trimmed(unread_).empty()) lines_.emplace_back(++lines_read_, trimmed(std::exchange(unread_, {})));
}

void Play::soon() {
  if (std::exchange(scheduled_, true)) return;
  QTimer::singleShot(pause_ms, this, [this] {
    scheduled_ = false;
    step();
  });
}

void Play::step() {
  while (!lines_.empty() && (lines_.front().second.empty() || lines_.front().second[0] == '#')) lines_.pop_front();
  if (over_) return;
  if (lines_.empty()) {
    if (complete_) finish(0);
    return;
  }
  try {
    if (perform(lines_.front().second)) lines_.pop_front();
  } catch (const Error& error) {
    fail(error);
    return;
  }
  if (!over_) soon();
}

bool Play::perform(const std::string& line) {
  const std::size_t space = line.find(' ');
  const std::string verb = line.substr(0, space), rest = space == std::string::npos ? "" : trimmed(line.substr(space));
  const auto found = steps_.find(verb == "colour" ? "color" : verb);
  if (found == steps_.end())
    throw Error(ErrorKind::Config, "there is no such step", verb, "'erwinscope gui --help' lists the steps");
  return found->second(rest);
}

void Play::fail(const Error& error) {
  const auto& [number, line] = lines_.front();
  std::fprintf(stderr, "erwinscope: %s\n",
               error.at(source_ + ":" + std::to_string(number) + ": '" + line + "'").what());
  finish(erwin::exit_code(error.kind()));
}

void Play::finish(int code) {
  over_ = true;
  exit_code_ = code;
  QApplication::exit(code);
}

}  // namespace erwin::ui
