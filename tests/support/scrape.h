#ifndef MDN_TESTS_SUPPORT_SCRAPE_H_
#define MDN_TESTS_SUPPORT_SCRAPE_H_

#include <string>

namespace mdn {

/// What a GET brings back.
struct HttpAnswer {
  /// 0 where there was no answer.
  int status = 0;
  std::string body;
};

/// `address`: 127.0.0.1:PORT.
HttpAnswer HttpGet(const std::string& address, const std::string& path);

/// The value of a series in Prometheus' text format, written as it stands there with its labels;
/// -1 where it is missing.
double Sample(const std::string& text, const std::string& series);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_SCRAPE_H_
