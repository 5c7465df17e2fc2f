#ifndef MDN_CLIENT_TOOL_TERMINAL_FIGURE_H_
#define MDN_CLIENT_TOOL_TERMINAL_FIGURE_H_

#include <string>

#include "client/tool/figure.h"

namespace mdn::tool {

/// The figure in ASCII, for a terminal: each panel below the other, at most `columns` wide, shades
/// as characters from blank to @, o where there were observations, ~ at the limits of the central
/// interval and m at the mean, which a key below names. Labels stand at the axes' ends.
std::string TerminalText(const Figure& figure, int columns);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_TERMINAL_FIGURE_H_
