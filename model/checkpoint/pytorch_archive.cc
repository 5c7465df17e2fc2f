#include "model/checkpoint/pytorch_archive.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle.h"
#include "model/checkpoint/printable.h"
#include "model/checkpoint/state_dict.h"

namespace mdn {
namespace {

constexpr absl::string_view kPickle = "data.pkl";

// The folder of data.pkl, with its slash; empty where there is none or several.
std::string FindFolder(const ZipRecords& records) {
  std::set<std::string> folders;
  for (const auto& [name, number] : records.names()) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos) continue;
    if (absl::string_view(name).substr(slash + 1) == kPickle)
      folders.insert(name.substr(0, slash + 1));
  }
  return folders.size() == 1 ? *folders.begin() : "";
}

bool HoldsCode(const ZipRecords& records, const std::string& folder) {
  const auto code = records.names().lower_bound(absl::StrCat(folder, "code/"));
  return records.names().count(absl::StrCat(folder, "constants.pkl")) != 0 ||
         (code != records.names().end() &&
          absl::StartsWith(code->first, absl::StrCat(folder, "code/")));
}

}  // namespace

PyTorchArchive::PyTorchArchive(ZipRecords records, std::string folder)
    : records_(std::move(records)),
      folder_(std::move(folder)),
      is_torchscript_(HoldsCode(records_, folder_)) {}

absl::StatusOr<PyTorchArchive> PyTorchArchive::Open(absl::string_view bytes) {
  absl::StatusOr<ZipRecords> records = ZipRecords::Open(bytes);
  if (!records.ok()) return records.status();
  std::string folder = FindFolder(*records);
  if (folder.empty()) {
    return absl::InvalidArgumentError(
        "a zip archive without FOLDER/data.pkl: neither torch.save nor torch.jit.save wrote it");
  }
  return PyTorchArchive(*std::move(records), std::move(folder));
}

absl::Status PyTorchArchive::CheckByteOrder() {
  const std::string record = absl::StrCat(folder_, "byteorder");
  if (records_.names().count(record) == 0) return absl::OkStatus();
  const absl::StatusOr<std::string> order = records_.Read(record);
  if (!order.ok()) return order.status();
  if (*order == "little") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its byte order is ", Printable(*order), ", expected little"));
}

absl::StatusOr<StoredTensors> PyTorchArchive::ReadStateDict(PyTorchArchive archive) {
  const absl::Status order = archive.CheckByteOrder();
  if (!order.ok()) return order;
  const absl::StatusOr<std::string> bytes =
      archive.records_.Read(absl::StrCat(archive.folder_, kPickle));
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<Pickle> pickle = Pickle::Parse(*bytes);
  if (!pickle.ok()) return pickle.status();
  absl::StatusOr<StateDict> state_dict = FindStateDict(*pickle);
  if (!state_dict.ok()) return state_dict.status();

  const auto shared = std::make_shared<PyTorchArchive>(std::move(archive));
  StoredTensors stored;
  stored.tensors = std::move(state_dict->tensors);
  stored.metadata = std::move(state_dict->hints);
  stored.read_storage = [shared](const std::string& key) {
    return shared->records_.Read(absl::StrCat(shared->folder_, "data/", key));
  };
  return stored;
}

}  // namespace mdn
