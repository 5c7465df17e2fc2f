// As cat does, returns each byte, but only when it has touched some pages of its memory: what a
// server that needs as many for a request owes to the machine.
//
//   paging_cat PAGES
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  constexpr size_t kPage = 4096, kLine = 64;
  const size_t pages = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  std::vector<char> memory(pages * kPage, 1);
  for (char byte = 0; read(STDIN_FILENO, &byte, 1) == 1;) {
    for (size_t page = 0; page < pages; ++page) {
      // Another line of each, so that caches can hold them.
      *const_cast<volatile char*>(&memory[page * kPage + page * kLine % kPage]) = byte;
    }
    if (write(STDOUT_FILENO, &byte, 1) != 1) return 1;
  }
  return 0;
}
