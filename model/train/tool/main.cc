#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "model/checkpoint/checkpoint_writer.h"
#include "model/checkpoint/file_writer.h"
#include "model/train/data/csv.h"
#include "model/train/tool/command_line.h"
#include "model/train/tool/progress_display.h"
#include "model/train/tool/training_job.h"
#include "model/train/trainer.h"

namespace mdn::train {
namespace {

// As in sysexits.h, and the shell's for an interrupt.
constexpr int kExitUsage = 64;
constexpr int kExitBadData = 65;
constexpr int kExitNoInput = 66;
constexpr int kExitInternal = 70;
constexpr int kExitCannotWrite = 73;
constexpr int kExitInterrupted = 130;

constexpr double kLogTwoPi = 1.83787706640934548356;
// Between two copies of the state on disk while a training runs.
constexpr absl::Duration kSaveEvery = absl::Seconds(60);

volatile std::sig_atomic_t interrupted = 0;

/// The first signal ends the training, a second one the process.
void DeferInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Report(absl::string_view message, int exit_code) {
  absl::FPrintF(stderr, "mdn_train: %s\n", message);
  return exit_code;
}

int ReportData(const absl::Status& status) {
  return Report(status.message(), absl::IsNotFound(status) ? kExitNoInput : kExitBadData);
}

int ReportNetwork(const absl::Status& status) {
  return Report(status.message(), absl::IsInvalidArgument(status) ? kExitUsage : kExitInternal);
}

double SumOfLogs(const std::vector<double>& scales) {
  double sum = 0;
  for (const double scale : scales) sum += std::log(scale);
  return sum;
}

/// One run of the trainer, from data that are ready to files in the output directory. Confined to
/// one thread.
class Training {
 public:
  /// `original` and `config` as in TrainingData.
  Training(const TrainingJob& job, const Dataset& original, const ModelConfig& config,
           Trainer trainer)
      : job_(job),
        original_(original),
        config_(config),
        log_y_scale_(SumOfLogs(config.y_scale)),
        trainer_(std::move(trainer)) {}

  int Run();

 private:
  std::string PathOf(absl::string_view file) const { return absl::StrCat(job_.output, "/", file); }
  std::string StatePath() const { return PathOf("training_state.pt"); }

  absl::Status CheckOutput() const;
  absl::Status Resume();
  absl::Status Save() const;
  absl::StatusOr<TrainingEnd> Train();
  void PrintPlan() const;
  void PrintResult(int64_t first_iteration, absl::Duration elapsed) const;

  const TrainingJob& job_;
  const Dataset& original_;
  const ModelConfig& config_;
  const double log_y_scale_;
  Trainer trainer_;
  /// Of the last save.
  absl::Status saved_;
};

absl::Status Training::CheckOutput() const {
  if (job_.existing != ExistingModel::kRefuse) return absl::OkStatus();
  for (const char* file : {"model.safetensors", "model.pt", "training_state.pt"}) {
    if (!std::filesystem::exists(PathOf(file))) continue;
    return absl::AlreadyExistsError(absl::StrCat(
        PathOf(file), " exists; expected --resume or --overwrite, or another --output"));
  }
  return absl::OkStatus();
}

absl::Status Training::Resume() {
  std::ifstream file(StatePath(), std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(StatePath(), ": no such file; nothing to resume"));
  }
  const std::string state((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  absl::Status status = trainer_.Restore(state);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(StatePath(), ": ", status.message()));
}

absl::Status Training::Save() const {
  absl::Status status = SaveCheckpoint(job_.output, config_, trainer_.Tensors());
  if (status.ok()) status = WriteFileAtomically(StatePath(), trainer_.State());
  if (status.ok() && job_.example != nullptr) {
    status = WriteFileAtomically(PathOf("data.csv"), CsvText(original_));
  }
  return status;
}

void Training::PrintPlan() const {
  const Split& split = trainer_.data();
  absl::PrintF("data      %d rows, %d to train and %d to validate: %s -> %s\n", original_.rows,
               split.train.rows, split.validation.rows, absl::StrJoin(original_.x_names, ", "),
               absl::StrJoin(original_.y_names, ", "));
  absl::PrintF("network   %d -> %d, %d components, hidden layers of %d, %s\n", config_.dim_in,
               config_.dim_out, config_.n_components, config_.hidden_dim,
               NoiseTypeName(config_.noise_type));
  std::fflush(stdout);
}

absl::StatusOr<TrainingEnd> Training::Train() {
  const int64_t rows = trainer_.data().train.rows;
  const int64_t batch = job_.training.batch_size;
  ProgressDisplay display(
      stderr, {job_.training.iterations, batch == 0 ? rows : std::min(batch, rows), log_y_scale_},
      trainer_.progress().iteration, absl::Now());
  absl::Time saved = absl::Now();
  absl::StatusOr<TrainingEnd> end = trainer_.Run([&](const TrainingProgress& progress) {
    const absl::Time now = absl::Now();
    display.Show(progress, now);
    if (now - saved >= kSaveEvery) {
      saved_ = Save();
      saved = now;
    }
    return interrupted == 0 && saved_.ok();
  });
  display.End(trainer_.progress(), absl::Now());
  return end;
}

void Training::PrintResult(int64_t first_iteration, absl::Duration elapsed) const {
  const TrainingProgress& progress = trainer_.progress();
  const double loss = trainer_.TrainingLoss();
  const double reference = loss - 0.5 * static_cast<double>(config_.dim_out) * kLogTwoPi;
  const std::string now =
      first_iteration == 0
          ? ""
          : absl::StrCat(", ", progress.iteration - first_iteration, " of them now,");
  absl::PrintF("trained   %d iterations%s in %.2f s\n", progress.iteration, now,
               absl::ToDoubleSeconds(elapsed));
  absl::PrintF("loss      %s, mean over the training rows; %s on the reference's scale\n",
               Nats(loss), Nats(reference));
  absl::PrintF("          log-likelihood %s nats a row\n", Nats(-loss - log_y_scale_));
  if (progress.best_validation_loss.has_value()) {
    absl::PrintF("          validation rows: %s, best after %d iterations\n",
                 Nats(-*progress.best_validation_loss - log_y_scale_), progress.best_iteration);
  }
  if (job_.example != nullptr) {
    absl::PrintF("          no model exceeds %.4f on new rows of this example, on average\n",
                 job_.example->oracle_log_density);
  }
  absl::PrintF("wrote     %s, model.pt, model.json\n", PathOf("model.safetensors"));
}

int Training::Run() {
  if (const absl::Status status = CheckOutput(); !status.ok()) {
    return Report(status.message(), kExitCannotWrite);
  }
  if (job_.existing == ExistingModel::kResume) {
    if (const absl::Status status = Resume(); !status.ok()) return ReportData(status);
  }
  // Before the training, not after it, is the time to learn that nothing can be written.
  if (const absl::Status status = WriteFileAtomically(StatePath(), trainer_.State());
      !status.ok()) {
    return Report(status.message(), kExitCannotWrite);
  }
  DeferInterrupts();
  PrintPlan();
  const int64_t first_iteration = trainer_.progress().iteration;
  const absl::Time start = absl::Now();
  const absl::StatusOr<TrainingEnd> end = Train();
  const absl::Duration elapsed = absl::Now() - start;
  if (!end.ok()) return Report(end.status().message(), kExitInternal);
  if (saved_.ok()) saved_ = Save();
  if (!saved_.ok()) return Report(saved_.message(), kExitCannotWrite);
  PrintResult(first_iteration, elapsed);
  if (*end != TrainingEnd::kStopped) return 0;
  return Report("interrupted; --resume goes on from here", kExitInterrupted);
}

int Run(std::vector<std::string> arguments) {
  auto parsed = ParseCommandLine(std::move(arguments));
  if (!parsed.ok()) return Report(parsed.status().message(), kExitUsage);
  if (const Answer* answer = std::get_if<Answer>(&*parsed)) {
    absl::PrintF("%s", *answer);
    return 0;
  }
  const TrainingJob& job = std::get<TrainingJob>(*parsed);
  absl::StatusOr<TrainingData> data = PrepareData(job);
  if (!data.ok()) return ReportData(data.status());
  absl::StatusOr<Trainer> trainer = Trainer::Create(
      data->config, job.training, std::move(data->split), static_cast<int>(job.threads));
  if (!trainer.ok()) return ReportNetwork(trainer.status());
  if (!data->weights.empty()) trainer->SetTensors(data->weights);
  return Training(job, data->original, data->config, *std::move(trainer)).Run();
}

}  // namespace
}  // namespace mdn::train

// Only a lack of memory throws here, and may end the program.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  return mdn::train::Run({argv + 1, argv + argc});
}
