#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "client/tool/gnuplot.h"
#include "client/tool/heat_map.h"
#include "client/tool/marginal.h"
#include "client/tool/terminal_figure.h"

namespace mdn::tool {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// One row of a mixture over two dimensions, of which the second is asked for.
Marginal MarginalOf(const std::vector<double>& weights, const std::vector<float>& mu,
                    const std::vector<float>& sigma) {
  Prediction prediction;
  const auto components = static_cast<int64_t>(weights.size());
  prediction.log_pi.shape = {1, components};
  prediction.mu.shape = prediction.sigma.shape = {1, components, 2};
  for (size_t k = 0; k < weights.size(); ++k) {
    prediction.log_pi.values.push_back(static_cast<float>(std::log(weights[k])));
    prediction.mu.values.insert(prediction.mu.values.end(), {-100, mu[k]});
    prediction.sigma.values.insert(prediction.sigma.values.end(), {9, sigma[k]});
  }
  return {prediction, 0, 1};
}

TEST(MarginalTest, IsTheNormalDistributionForOneComponent) {
  const Marginal marginal = MarginalOf({1}, {2}, {0.5});
  EXPECT_NEAR(marginal.Density(2), 0.3989422804 / 0.5, 1e-9);
  EXPECT_NEAR(marginal.Cdf(2.5), 0.8413447461, 1e-9);
  EXPECT_EQ(marginal.Mean(), 2);
  EXPECT_NEAR(marginal.Quantile(0.975), 2 + 0.5 * 1.959963985, 1e-8);
  EXPECT_NEAR(marginal.Quantile(1e-12), 2 - 0.5 * 7.034483825, 1e-6);
}

TEST(MarginalTest, QuantilesUndoTheCdf) {
  const Marginal marginal = MarginalOf({0.2, 0.5, 0.3}, {-3, 0, 50}, {0.1, 2, 1e-6});
  for (const double p : {1e-9, 0.05, 0.2, 0.5, 0.65, 0.95, 1 - 1e-9}) {
    EXPECT_NEAR(marginal.Cdf(marginal.Quantile(p)), p, 1e-7 + 1e-7 * p) << p;
  }
}

TEST(MarginalTest, PassesOverComponentsOfWeightZero) {
  const Marginal marginal = MarginalOf({0, 1}, {1e30f, 1}, {1e30f, 1});
  EXPECT_EQ(marginal.Mean(), 1);
  EXPECT_NEAR(marginal.Quantile(0.5), 1, 1e-12);
}

TEST(MarginalTest, TakesAnySigma) {
  for (const float sigma : {0.0f, 1e-20f, 1e20f}) {
    const Marginal marginal = MarginalOf({1}, {3}, {sigma});
    EXPECT_NEAR(marginal.Quantile(0.5), 3, 1e-6 + 1e-12 * sigma);
    EXPECT_EQ(marginal.Cdf(-1e30), 0);
    EXPECT_EQ(marginal.Cdf(1e30), 1);
  }
}

TEST(HistogramTest, CountsPointsOfTheRange) {
  const HeatMap map =
      Histogram({{0.1, 0.1}, {0.9, 0.1}, {0.8, 0.2}, {5, 0}, {0, -1}}, {0, 1}, {0, 1}, 2);
  EXPECT_THAT(map.shades, ElementsAre(0.5, 1, 0, 0));
}

TEST(DensityMapTest, FindsPeaksNarrowerThanACell) {
  const HeatMap map = DensityMap({MarginalOf({1}, {0.37}, {1e-6f})}, {0, 1}, 10);
  EXPECT_THAT(map.shades, ElementsAre(0, 0, 0, 1, 0, 0, 0, 0, 0, 0));
}

Figure SmallFigure() {
  Figure figure;
  figure.x_label = "time";
  figure.y_label = "price";
  figure.x = {0, 2};
  figure.y = {-1, 1};
  Panel panel;
  panel.title = "p(y | x)";
  panel.heat = {2, 2, {0, 1, 0.5, 0}};
  panel.mean = {{0.1, 0.3}};
  panel.lower = {{0.9, -0.95}};
  panel.upper = {{0.9, 0.95}};
  panel.observed = {{1.5, -0.85}, {9, 9}};
  panel.observed_title = "observed, 1 in 3";
  figure.panels = {panel};
  return figure;
}

TEST(TerminalFigureTest, DrawsShadesMarksAxesAndAKey) {
  std::string expected = "           p(y | x)\n";
  for (int line = 0; line < 20; ++line) {
    std::string label = line == 0 ? "1" : line == 9 ? "price" : line == 19 ? "-1" : "";
    label.insert(0, 10 - label.size(), ' ');
    std::string cells = line < 10 ? "++++++++++          " : "          @@@@@@@@@@";
    if (line == 6) cells[1] = 'm';
    if (line == 0 || line == 19) cells[9] = '~';
    if (line == 18) cells[15] = 'o';
    expected += label + "|" + cells + "\n";
  }
  expected += "          +--------------------\n";
  expected += "           0       time       2\n";
  expected += "           o observed, 1 in 3   ~ central 90 %   m mean\n";
  EXPECT_EQ(TerminalText(SmallFigure(), 10), expected);
}

TEST(GnuplotScriptTest, HoldsNoTextThatCouldEndItsQuotes) {
  Figure figure = SmallFigure();
  figure.title = "it's\n'; system 'rm -rf /";
  const std::string script = GnuplotScript(figure, {PictureFormat::kPng, 450, 400});
  EXPECT_THAT(script, HasSubstr("title 'it''s ''; system ''rm -rf /'\n"));
  EXPECT_THAT(script, HasSubstr("set terminal pngcairo size 450,400 "));
  EXPECT_THAT(script, HasSubstr("0 1 \n0.5 0 \nEOD\n"));
}

TEST(GnuplotScriptTest, DrawsTheBandUnderTheDensityAndTheMeanOverEverything) {
  const std::string script = GnuplotScript(SmallFigure(), {PictureFormat::kPng, 450, 400});
  const std::string plot = script.substr(script.rfind("plot $"));
  EXPECT_THAT(plot,
              ContainsRegex("\\$band with filledcurves .*\\$heat matrix .*\\$band using 1:2 .*"
                            "\\$band using 1:3 .*\\$observed .*\\$mean with lines"));
  EXPECT_THAT(plot, HasSubstr("title 'observed, 1 in 3'"));
  EXPECT_THAT(script, HasSubstr("$band << EOD\n0.9 -0.95 0.95\nEOD\n"));
}

TEST(GnuplotScriptTest, LeavesTheSameRoomInPixelsWhateverTheSize) {
  const Figure figure = SmallFigure();
  EXPECT_THAT(GnuplotScript(figure, {PictureFormat::kPng, 660, 360}),
              HasSubstr("set lmargin at screen 0.1000\n"));
  EXPECT_THAT(GnuplotScript(figure, {PictureFormat::kPng, 1320, 720}),
              HasSubstr("set lmargin at screen 0.0500\n"));
}

TEST(GnuplotScriptTest, DrawsOnlyWhatThereIs) {
  Figure figure = SmallFigure();
  figure.panels[0].observed.clear();
  EXPECT_THAT(GnuplotScript(figure, {PictureFormat::kSvg, 450, 400}),
              Not(HasSubstr("title 'observed'")));
}

TEST(GnuplotTest, ReportsWhatGnuplotSays) {
  const auto picture = RunGnuplot("plot nothing_at_all\n");
  EXPECT_EQ(picture.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(picture.status().message()), HasSubstr("gnuplot failed: line "));
}

}  // namespace
}  // namespace mdn::tool
