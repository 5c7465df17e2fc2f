#include "tests/support/scrape.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace mdn {

HttpAnswer HttpGet(const std::string& address, const std::string& path) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(std::atoi(address.substr(address.rfind(':') + 1).c_str()));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) answer.clear();
    char buffer[65536];
    ssize_t size = 0;
    while ((size = read(fd, buffer, sizeof(buffer))) > 0) answer.append(buffer, size);
  }
  close(fd);
  const size_t space = answer.find(' ');
  const size_t body = answer.find("\r\n\r\n");
  if (space == std::string::npos || body == std::string::npos) return {};
  return {std::atoi(answer.c_str() + space + 1), answer.substr(body + 4)};
}

double Sample(const std::string& text, const std::string& series) {
  const std::string line = "\n" + series + " ";
  const size_t at = ("\n" + text).find(line);
  return at == std::string::npos ? -1 : std::atof(text.c_str() + at + line.size() - 1);
}

}  // namespace mdn
