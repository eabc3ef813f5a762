#include "ui/window/action_table.h"

#include <algorithm>
#include <cstdio>

namespace erwin::ui {

const std::vector<ActionSpec>& action_table() {
  static const std::vector<ActionSpec> table{
      {"open", "File", "&Open…", "Ctrl+O", "Open a cloud, a data set's manifest or a checkpoint"},
      {"open-folder", "File", "Open &folder…", "Ctrl+Shift+O", "Open a folder of clouds as a data set"},
      {"reopen", "File", "&Reopen last", "Ctrl+Shift+T", "Open the newest of the recent files again"},
      {"open-session", "File", "Open s&ession…", "Ctrl+Alt+O",
       "Open a saved session: data, checkpoint, query, colours, camera and panels as they were"},
      {"save-session", "File", "Save sessio&n…", "Ctrl+Alt+S",
       "Write what the window shows to a small file that opens it again"},
      {"last-session", "File", "Go on where &you were", "Ctrl+Alt+G",
       "Open what the window showed when it was used last"},
      {"close", "File", "&Close cloud", "Ctrl+W", "Close the cloud and show the samples"},
      {"save-picture", "File", "&Save picture…", "Ctrl+S", "Write the picture to a PNG file"},
      {"copy-picture", "File", "Copy &picture", "Ctrl+Shift+C", "Put the picture on the clipboard"},
      {"save-matrix", "File", "Save &matrix…", "Ctrl+M",
       "Write the shown window of the attention matrix to a PNG picture or a CSV table"},
      {"save-attribution", "File", "Save a&ttribution…", "Ctrl+Shift+A",
       "Write the parts of the attributed prediction, its blocks and deletion curves to a CSV table"},
      {"export", "File", "&Export…", "Ctrl+E",
       "Write the shown field, the matrix, a chart or a table to a file for other programs"},
      {"quit", "File", "&Quit", "Ctrl+Q", "Close the window; what is trained elsewhere goes on"},

      {"undo", "Edit", "&Undo", "Ctrl+Z", "Take the last change back"},
      {"redo", "Edit", "&Redo", "Ctrl+Shift+Z", "Do again what was taken back"},
      {"find-point", "Edit", "&Go to point…", "Ctrl+G", "Type the id of a point to query it"},
      {"clear-query", "Edit", "C&lear query", "Backspace", "Forget the queried point"},
      {"lasso", "Edit", "Select with a &lasso", "Shift+O",
       "Let the next drag in the picture select points; so do Shift and drag (box), Ctrl, Shift and drag (lasso)"},
      {"select-ball", "Edit", "Select the &ball", "Shift+B",
       "Select the points of the query's ball of the shown level"},
      {"select-none", "Edit", "Select &nothing", "Shift+Backspace", "Forget the selected points"},
      {"copy-query", "Edit", "&Copy query", "Ctrl+Shift+Q", "Copy the query, its blocks and its top points as text"},
      {"palette", "Edit", "&Find an action…", "Ctrl+K", "Search actions and options by name"},

      {"colour-target", "Colour", "&Target", "1", "Colour by the field that the data set names as target"},
      {"colour-prediction", "Colour", "&Prediction", "2", "Colour by what the network predicts"},
      {"colour-error", "Colour", "&Error", "3", "Colour by prediction minus target"},
      {"colour-balls", "Colour", "&Balls", "4", "Colour by the balls of a tree level"},
      {"colour-attention", "Colour", "&Attention", "5", "Colour by the attention of the queried point"},
      {"colour-looks-at-point", "Colour", "&Who looks at the point", "6",
       "Colour by how much every point looks at the queried one"},
      {"colour-looks-at-ball", "Colour", "Who &looks at its ball", "7",
       "Colour by how much every point looks at the ball of the queried one"},
      {"colour-rollout", "Colour", "&Rollout of the point", "8",
       "Colour by where the queried point looks through all layers up to the shown one"},
      {"colour-receptive-field", "Colour", "Recepti&ve field of the point", "9",
       "Colour by how much the prediction at the queried point depends on every point's features"},
      {"colour-selection-looks", "Colour", "Where the selection loo&ks", "Ctrl+6",
       "Colour by where the selected points look: the mean of their rows"},
      {"colour-looks-at-selection", "Colour", "Who looks at the selectio&n", "Ctrl+7",
       "Colour by how much every point looks at the selected ones"},
      {"colour-difference", "Colour", "&Difference of what is compared", "D",
       "Colour by the query's attention, or without a query the prediction, minus that of what is compared with"},
      {"summary-layers", "Colour", "Summaries o&f one layer or all", "Shift+S",
       "Let entropy, distance and their like be those of the shown layer or their means over all layers"},
      {"colour-what-if", "Colour", "Prediction, w&hat-if", "Ctrl+2",
       "Colour by what the network predicts with the changes of the panel What-if"},
      {"colour-what-if-difference", "Colour", "&Difference, what-if", "Ctrl+3",
       "Colour by the prediction with the changes minus the one without"},
      {"colour-contribution", "Colour", "Co&ntribution", "Ctrl+4",
       "Colour by every point's part of the attributed prediction"},
      {"summarise", "Colour", "&Summaries of the layer", "S",
       "Work out entropy, distance, received attention and shares of the shown layer and head at every point"},
      {"colour-next", "Colour", "&Next field", "C", "Colour by the next entry of the list"},
      {"colour-previous", "Colour", "P&revious field", "Shift+C", "Colour by the previous entry of the list"},
      {"range-reset", "Colour", "&Whole range", "R", "Let the colours span the whole range again"},

      {"level-down", "Go", "&Coarser balls", "[", "One tree level up, towards the root"},
      {"level-up", "Go", "&Finer balls", "]", "One tree level down, towards the points"},
      {"layer-previous", "Go", "&Previous layer", ",", "The attention layer before"},
      {"layer-next", "Go", "&Next layer", ".", "The attention layer after"},
      {"head-previous", "Go", "Previous &head", ";", "The query head before; before the first comes their mean"},
      {"head-next", "Go", "Next h&ead", "'", "The query head after"},
      {"branch-next", "Go", "Next &branch", "B", "All, local, compressed, selected attention in turn"},
      {"frame-previous", "Go", "Previous f&rame", "Ctrl+Left", "The frame of the trajectory before"},
      {"frame-next", "Go", "Next fr&ame", "Ctrl+Right", "The frame of the trajectory after"},
      {"frame-play", "Go", "P&lay frames", "Ctrl+Space", "Play the trajectory, or stop playing"},
      {"sample-previous", "Go", "Previous &sample", "Ctrl+PgUp", "The sample of the data set before"},
      {"sample-next", "Go", "Next sa&mple", "Ctrl+PgDown", "The sample of the data set after"},

      {"fit", "View", "&Fit", "F", "Show the whole cloud from the usual side"},
      {"front", "View", "From fr&ont", "Shift+1", "Look from the front"},
      {"left", "View", "From &left", "Shift+2", "Look from the left"},
      {"top", "View", "From &top", "Shift+3", "Look from above"},
      {"back", "View", "From &back", "Shift+4", "Look from behind"},
      {"right", "View", "From &right", "Shift+5", "Look from the right"},
      {"bottom", "View", "From botto&m", "Shift+6", "Look from below"},
      {"fly-to-query", "View", "Fly to &query", "G", "Come near the ball of the queried point"},
      {"matrix-whole", "View", "Whole matri&x", "Shift+M", "Let the matrix show the whole cloud again"},
      {"matrix-scale", "View", "Matrix lo&garithmic or linear", "Shift+L",
       "Switch the colours of the matrix between a logarithmic and a linear scale"},
      {"only-ball", "View", "Ball al&one", "O",
       "Look at the icicle's ball, or the query's of the level, alone and hide the rest; again: show all"},
      {"icicle-whole", "View", "Whole &icicle", "Shift+H", "Let the icicle show the whole tree again"},
      {"icicle-colour", "View", "Colours of the i&cicle", "Shift+I",
       "Colour the balls of the icicle by radius, fill or level in turn"},
      {"clip-plane", "View", "Cut &open", "X",
       "Cut away what is nearer than the middle of the picture, or nothing again"},
      {"theme", "View", "Light or &dark", "T", "Switch between the dark and the light theme"},
      {"misses", "View", "&Missed blocks", "N",
       "Show or hide the heaviest blocks by exact attention that the query's block did not select, and its recall"},
      {"legend", "View", "L&egend", "L", "Show or hide the legend"},
      {"options-reset", "View", "Reset appearance", "Ctrl+0", "Give every option of the picture its first value"},
      {"probe-card", "View", "&Card at the cursor", "P", "Show or hide what is known of the point under the cursor"},
      {"meter", "View", "Time and memory", "M", "Show or hide frame time and memory in the picture"},
      {"full-screen", "View", "F&ull screen", "F11", "Fill the screen, or stop doing so"},
      {"compare-keep", "View", "&Keep to compare with", "K",
       "Compare what is shown from now on with the present layer and head"},
      {"compare-checkpoint", "View", "Compare with a chec&kpoint…", "Ctrl+Shift+K",
       "Choose a second network that the shown one is compared with"},
      {"compare-sample", "View", "Compare with another sa&mple…", "Shift+V",
       "Choose a sample of the data set, or a file, to predict with the same network and to show beside this one"},
      {"compare-none", "View", "Compare with &nothing", "Shift+K", "Stop comparing"},
      {"compare-side", "View", "&Side by side", "V", "Show, or hide, what is compared with beside the picture"},
      {"heads-four", "View", "Fo&ur heads side by side", "H",
       "Show the attention of the queried point in the shown head's group of four, or in one picture again"},

      {"predict", "Run", "&Predict", "Ctrl+R", "Run the network on the cloud again"},
      {"cancel", "Run", "&Cancel", "Esc", "Stop what runs"},

      {"attribute", "Run", "&Attribute the prediction", "A",
       "Split the prediction of the queried point over branches and blocks, and check by taking blocks away"},
      {"what-if-switch", "Run", "What-if off or &on", "W", "Switch all changes of the panel What-if off, or on again"},
      {"what-if-head-off", "Run", "What if this &head were off", "Ctrl+Shift+H",
       "Predict with the shown head of the shown layer switched off"},
      {"what-if-branch-off", "Run", "What if this &branch were off", "Ctrl+Shift+B",
       "Predict with the shown branch of the shown layer switched off"},
      {"what-if-hide-ball", "Run", "What if its ba&ll were hidden", "Ctrl+Shift+X",
       "Predict without the points of the query's ball"},
      {"what-if-hide-selection", "Run", "What if the s&election were hidden", "Ctrl+Shift+D",
       "Predict without the selected points"},
      {"what-if-move-selection", "Run", "What if the selection were &moved…", "Ctrl+Shift+M",
       "Type by how much the selected points are moved; the panel What-if adds the change"},
      {"what-if-scale-selection", "Run", "What if the selection were scale&d…", "Ctrl+Shift+G",
       "Type the factor by which the selected points are scaled about their mean"},
      {"move-points", "Run", "Mo&ve points with the mouse", "Shift+G",
       "Let the next drag in the picture move the selection, else the query's ball; so do Alt, Shift and drag"},
      {"what-if-clear", "Run", "F&orget all changes", "Ctrl+Shift+Backspace",
       "Show the network as it is: the list of changes becomes empty"},

      {"train-start", "Run", "&Start training", "Ctrl+T",
       "Start a run as the panel Training says, in a process of its own"},
      {"train-watch", "Run", "&Watch a run…", "Ctrl+Shift+W", "Choose the folder of a run to watch and steer"},
      {"train-pause", "Run", "Pause or resume training", "Ctrl+P", "Let the watched run wait after its step, or go on"},
      {"train-step", "Run", "One training step", "Ctrl+Shift+P", "Let a paused run do one step"},
      {"train-save", "Run", "Save the run", "Ctrl+Shift+S", "Let the watched run write a checkpoint"},
      {"train-stop", "Run", "Stop the run", "Ctrl+.", "Let the watched run finish its step, save and end"},
      {"train-probe", "Run", "Show what the run sees", "Ctrl+Shift+V",
       "Let the watched run show its prediction and its attention in the picture while it trains"},

      {"panel-picture", "Window", "&Picture", "Alt+0", "Bring the keyboard to the picture"},
      {"panel-data", "Window", "&Data and model", "Alt+1", "Show, or hide, the panel of the data and the model", true},
      {"panel-query", "Window", "&Query", "Alt+2", "Show, or hide, the panel of the queried point", true},
      {"panel-appearance", "Window", "&Appearance", "Alt+3", "Show, or hide, the options of the picture", true},
      {"panel-tree", "Window", "&Tree", "Alt+4", "Show, or hide, the table of the tree's levels", true},
      {"panel-histogram", "Window", "&Histogram", "Alt+5", "Show, or hide, the histogram of the shown field", true},
      {"panel-log", "Window", "&Log", "Alt+6", "Show, or hide, the log", true},
      {"panel-training", "Window", "T&raining", "Alt+7", "Show, or hide, the panel of training runs", true},
      {"panel-matrix", "Window", "&Matrix", "Alt+9", "Show, or hide, the attention matrix of the shown layer and head",
       true},
      {"panel-heads", "Window", "H&eads", "Alt+8", "Show, or hide, the table of all layers and heads", true},
      {"panel-icicle", "Window", "&Icicle of the tree", "Alt+Shift+3",
       "Show, or hide, the tree as an icicle: a ball as wide as the points it holds", true},

      {"panel-what-if", "Window", "&What-if", "Alt+Shift+1",
       "Show, or hide, the list of changes and what the network would then predict", true},
      {"panel-attribution", "Window", "Attri&bution", "Alt+Shift+2",
       "Show, or hide, where the prediction of the queried point comes from", true},

      {"shortcuts", "Help", "&Keys and actions", "F1", "List every action with its key"},
      {"about", "Help", "&About", "Shift+F1", "Say which version this is"},
  };
  return table;
}

const ActionSpec* find_action(std::string_view name) {
  const auto& table = action_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const ActionSpec& a) { return a.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string plain_text(const ActionSpec& action) {
  std::string text = action.text;
  std::erase(text, '&');
  return text;
}

std::string actions_text() {
  std::string text;
  for (const ActionSpec& action : action_table()) {
    char line[200];
    std::snprintf(line, sizeof line, "  %-18s %-14s %s\n", action.name, action.shortcut, action.help);
    text += line;
  }
  return text;
}

}  // namespace erwin::ui
