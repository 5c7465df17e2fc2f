#include "model/train/tool/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace mdn::train {
namespace {

constexpr int64_t kMostRows = int64_t{1} << 32;

// The flags as they come; what they mean is in the job.
struct Flags {
  TrainingJob job;
  std::string example, noise_type, isotropic_layout;
  bool standardise = false, keep_units = false, resume = false, overwrite = false;
};

std::string ExampleNames() {
  return absl::StrJoin(Examples(), ", ", [](std::string* out, const Example& example) {
    absl::StrAppend(out, example.name);
  });
}

// What the example is trained with, where the flags do not say: the reference's recipe for ex_1d,
// and one that comes close to the best possible density for the others.
void SetExampleDefaults(const Example& example, TrainingJob& job) {
  job.example = &example;
  job.rows = example.default_rows;
  if (example.name == "ex_1d") {
    job.components = 3;
    job.hidden = 50;
    job.standardising = Standardising::kOff;
    job.validation_fraction = 0;
    job.training.iterations = 2000;
    job.training.batch_size = 0;
    job.training.max_gradient_norm = 0;
    return;
  }
  job.components = 8;
  if (example.name == "rotating_ellipses") job.noise_type = NoiseType::kFull;
}

bool Parse(const std::string& text, int64_t& value) { return absl::SimpleAtoi(text, &value); }
bool Parse(const std::string& text, double& value) { return absl::SimpleAtod(text, &value); }

// Numbers in [least, most], which a NaN is not.
template <typename Number>
CLI::Validator Between(Number least, Number most) {
  const auto check = [least, most](const std::string& text) -> std::string {
    Number value{};
    if (Parse(text, value) && value >= least && value <= most) return "";
    return absl::StrCat("got '", text, "'; expected ",
                        std::is_integral_v<Number> ? "a whole number" : "a number", " from ", least,
                        " to ", most);
  };
  return CLI::Validator(check, "");
}

template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& name, T& value, const std::string& text,
                 const std::string& type) {
  return app.add_option(name, value, text)->type_name(type)->capture_default_str();
}

void AddCounts(CLI::App& app, TrainingJob& job) {
  const CLI::Validator dimension = Between(int64_t{1}, kMaxDimension);
  const CLI::Validator count = Between(int64_t{0}, kMostRows);
  const CLI::Validator positive_count = Between(int64_t{1}, kMostRows);
  TrainingOptions& training = job.training;
  Add(app, "--components", job.components, "Gaussians of the mixture, K", "N")->check(dimension);
  Add(app, "--hidden", job.hidden, "Width of the hidden layers", "N")->check(dimension);
  Add(app, "--iterations", training.iterations, "Steps of Adam", "N")->check(positive_count);
  Add(app, "--batch_size", training.batch_size, "Rows of a step; 0: all", "N")->check(count);
  Add(app, "--validate_every", training.validate_every,
      "Iterations between two looks at the validation rows", "N")
      ->check(positive_count);
  Add(app, "--patience", training.patience,
      "Looks in a row without a better likelihood that end the training; 0: none do", "N")
      ->check(count);
  Add(app, "--threads", job.threads, "For matrix products; 1 is best for small networks", "N")
      ->check(Between(int64_t{1}, int64_t{1024}));
}

void AddNumbers(CLI::App& app, TrainingJob& job) {
  constexpr double kMost = 1e30;
  const CLI::Validator at_least_0 = Between(0.0, kMost);
  TrainingOptions& training = job.training;
  Add(app, "--learning_rate", training.learning_rate,
      "Of the first iteration; falls by half a cosine to 0", "RATE")
      ->check(Between(1e-30, 1.0));
  Add(app, "--max_gradient_norm", training.max_gradient_norm,
      "Longer gradients are shortened to it; 0: never", "NORM")
      ->check(at_least_0);
  Add(app, "--x_noise", training.x_noise,
      "Noise regularisation: deviation of what each step adds to x, in standardised units", "S")
      ->check(at_least_0);
  Add(app, "--y_noise", training.y_noise, "The same of y", "S")->check(at_least_0);
  Add(app, "--validation_fraction", job.validation_fraction,
      "Share of the rows that choose the best weights and end the training early; 0: none", "F")
      ->check(Between(0.0, 0.9));
  Add(app, "--fixed_noise_level", job.fixed_noise_level,
      "Standard deviation of noise_type fixed, in y's units", "S")
      ->check(at_least_0);
}

void AddTexts(CLI::App& app, Flags& flags) {
  TrainingJob& job = flags.job;
  app.add_option("--data", job.data_file, "CSV with a heading line; - is standard input")
      ->type_name("FILE");
  app.add_option("--x", job.columns.x, "Columns that y is predicted from, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("COLUMNS");
  app.add_option("--y", job.columns.y, "Columns that are predicted")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("COLUMNS");
  app.add_option("--example", flags.example,
                 absl::StrCat("Instead of --data: ", ExampleNames(), ", with its own defaults"))
      ->type_name("NAME");
  app.add_option("--rows", job.rows, "Of the example (default: its own)")
      ->check(Between(int64_t{10}, int64_t{100'000'000}))
      ->type_name("N");
  app.add_option("--output", job.output,
                 "Directory for model.safetensors, model.pt, model.json, and what --resume needs")
      ->type_name("DIR");
  app.add_option("--noise_type", flags.noise_type,
                 "diagonal (default), isotropic, isotropic_across_clusters, fixed or full")
      ->type_name("TYPE");
  app.add_option("--isotropic_layout", flags.isotropic_layout,
                 "per_component (default), or tiled as the reference implementation has it")
      ->type_name("LAYOUT");
  app.add_option("--seed", job.training.seed,
                 "The same seed gives the same weights on the same machine")
      ->check(Between(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--start_from", job.start_from,
                 "Checkpoint to go on from, of PyTorch say: its network, noise type and scaling")
      ->type_name("FILE");
  app.add_flag("--standardize", flags.standardise,
               "Train on x and y of mean 0 and deviation 1 (default, but for ex_1d)");
  app.add_flag("--no_standardize", flags.keep_units, "Train on x and y as they are");
  app.add_flag("--resume", flags.resume, "Go on from what --output holds");
  app.add_flag("--overwrite", flags.overwrite, "Replace what --output holds");
}

void Describe(CLI::App& app) {
  app.description("Trains a mixture density network, for mdn_server and for PyTorch.");
  app.set_help_flag("-h,--help", "This help");
  app.set_version_flag("--version", "mdn_train " MDN_VERSION, "The version of this program");
  app.footer(
      "Ctrl-C saves what stands; --resume, with the other flags as they were, goes on from there.\n"
      "\n"
      "Exit status: 0 success, 64 wrong usage, 65 bad data, 66 no such file, 73 the output cannot\n"
      "be written, 70 an internal error, 130 interrupted and saved.\n"
      "\n"
      "Examples:\n"
      "  mdn_train --data=rides.csv --x=hour,distance --y=minutes --output=rides\n"
      "  mdn_train --data=arm.csv --x=x1,x2 --y=t1,t2 --noise_type=full --output=arm\n"
      "  mdn_train --data=new.csv --x=hour --y=minutes --start_from=old/model.pt --output=new\n"
      "  mdn_train --example=ex_1d --output=ex_1d");
}

void AddFlags(CLI::App& app, Flags& flags) {
  Describe(app);
  AddTexts(app, flags);
  AddCounts(app, flags.job);
  AddNumbers(app, flags.job);
}

/// --batch-size becomes --batch_size, as flags are declared.
std::string WithUnderscores(std::string argument) {
  if (argument.compare(0, 2, "--") != 0) return argument;
  const auto end = argument.begin() + std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + 2, end, '-', '_');
  return argument;
}

absl::Status Refuse(absl::string_view flag, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", reason));
}

/// CLI11 would take the argument after `--flag=` for its value.
absl::Status CheckValues(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (argument.compare(0, 2, "--") != 0 || equals + 1 != argument.size()) continue;
    return Refuse(argument.substr(2, equals - 2),
                  "got nothing after '='; expected a value, or leave the flag away");
  }
  return absl::OkStatus();
}

absl::Status CheckSource(const CLI::App& app, const TrainingJob& job) {
  if (app.count("--data") > 0 && job.example != nullptr) {
    return Refuse("data", "not together with --example");
  }
  if (job.example != nullptr) {
    if (app.count("--x") + app.count("--y") > 0) {
      return Refuse(app.count("--x") > 0 ? "x" : "y", "not together with --example");
    }
    return absl::OkStatus();
  }
  if (job.data_file.empty()) return Refuse("data", "required, or --example");
  if (job.columns.x.empty()) return Refuse("x", "required: the columns to predict from");
  if (job.columns.y.empty()) return Refuse("y", "required: the columns to predict");
  if (app.count("--rows") > 0) return Refuse("rows", "only together with --example");
  return absl::OkStatus();
}

absl::Status SetNoise(const CLI::App& app, const Flags& flags, TrainingJob& job) {
  if (!flags.noise_type.empty()) {
    const std::optional<NoiseType> type = ParseNoiseType(flags.noise_type);
    if (!type.has_value()) {
      return Refuse("noise_type",
                    absl::StrCat("got '", flags.noise_type,
                                 "'; expected diagonal, isotropic, isotropic_across_clusters, "
                                 "fixed or full"));
    }
    job.noise_type = *type;
  }
  if (!flags.isotropic_layout.empty()) {
    const std::optional<IsotropicLayout> layout = ParseIsotropicLayout(flags.isotropic_layout);
    if (!layout.has_value()) {
      return Refuse("isotropic_layout", absl::StrCat("got '", flags.isotropic_layout,
                                                     "'; expected per_component or tiled"));
    }
    job.isotropic_layout = *layout;
  }
  const bool fixed = job.noise_type == NoiseType::kFixed;
  if (fixed && !(job.fixed_noise_level > 0)) {
    return Refuse("fixed_noise_level", "a number above 0 is required with --noise_type=fixed");
  }
  if (!fixed && app.count("--fixed_noise_level") > 0) {
    return Refuse("fixed_noise_level", "only together with --noise_type=fixed");
  }
  if (job.noise_type != NoiseType::kIsotropic && !flags.isotropic_layout.empty()) {
    return Refuse("isotropic_layout", "only together with --noise_type=isotropic");
  }
  return absl::OkStatus();
}

absl::Status SetRest(const Flags& flags, TrainingJob& job) {
  if (job.output.empty()) return Refuse("output", "required: the directory to write");
  if (flags.resume && flags.overwrite) return Refuse("resume", "not together with --overwrite");
  if (flags.resume) job.existing = ExistingModel::kResume;
  if (flags.overwrite) job.existing = ExistingModel::kOverwrite;
  if (flags.standardise && flags.keep_units) {
    return Refuse("standardize", "not together with --no_standardize");
  }
  if (flags.standardise) job.standardising = Standardising::kOn;
  if (flags.keep_units) job.standardising = Standardising::kOff;
  return absl::OkStatus();
}

// A checkpoint brings what these would say; what it leaves open, its noise type, they may.
absl::Status SetStart(const CLI::App& app, const Flags& flags, TrainingJob& job) {
  if (job.start_from.empty()) return absl::OkStatus();
  for (const char* flag : {"components", "hidden", "standardize", "no_standardize"}) {
    if (app.count(absl::StrCat("--", flag)) == 0) continue;
    return Refuse(flag, "not together with --start_from, whose checkpoint says it");
  }
  if (!flags.noise_type.empty()) job.start_hints.noise_type = job.noise_type;
  if (!flags.isotropic_layout.empty()) job.start_hints.isotropic_layout = job.isotropic_layout;
  if (app.count("--fixed_noise_level") > 0) {
    job.start_hints.fixed_noise_level = job.fixed_noise_level;
  }
  return absl::OkStatus();
}

// Parses with `flags` as the defaults.
absl::StatusOr<std::variant<TrainingJob, Answer>> Parse(const std::vector<std::string>& reversed,
                                                        Flags flags) {
  CLI::App app("", "mdn_train");
  AddFlags(app, flags);
  try {
    app.parse(std::vector<std::string>(reversed));
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::CallForVersion& version) {
    return absl::StrCat(version.what(), "\n");
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrReplaceAll(error.what(), {{"\n", " "}}));
  }
  // The example's defaults must be known before the flags that replace them are read.
  if (!flags.example.empty() && flags.job.example == nullptr) {
    const Example* example = FindExample(flags.example);
    if (example == nullptr) {
      return Refuse("example",
                    absl::StrCat("got '", flags.example, "'; expected one of ", ExampleNames()));
    }
    Flags defaults;
    SetExampleDefaults(*example, defaults.job);
    return Parse(reversed, defaults);
  }
  TrainingJob& job = flags.job;
  absl::Status status = CheckSource(app, job);
  if (status.ok()) status = SetNoise(app, flags, job);
  if (status.ok()) status = SetRest(flags, job);
  if (status.ok()) status = SetStart(app, flags, job);
  if (!status.ok()) return status;
  return std::move(job);
}

}  // namespace

absl::StatusOr<std::variant<TrainingJob, Answer>> ParseCommandLine(
    std::vector<std::string> arguments) {
  std::transform(arguments.begin(), arguments.end(), arguments.begin(), WithUnderscores);
  if (absl::Status status = CheckValues(arguments); !status.ok()) return status;
  // CLI11 takes them from the back.
  std::reverse(arguments.begin(), arguments.end());
  return Parse(arguments, Flags());
}

}  // namespace mdn::train
