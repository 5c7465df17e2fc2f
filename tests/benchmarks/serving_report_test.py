"""Checks what the serving benchmark makes of its measurements, without measuring anything.

  serving_report_test.py
"""

import pathlib
import socket
import sys
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent / "serving_driver"))
import awake_caller  # noqa: E402
import generators  # noqa: E402
import goals  # noqa: E402
import probes  # noqa: E402
import report  # noqa: E402
from peers import ECHO, METRICS, ORDER, OURS, PLAIN, PLAIN_CALLBACK, commands  # noqa: E402
from results import CPU, Results, latency  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def measured(scenario, peer, turn, cpu, *, width=50, rate=1000, foreign=0.0, limit="", **more):
    return {"scenario": scenario, "width": width, "peer": peer, "round": turn,
            "requests_per_second": rate, "rows_per_second": rate, "errors": {}, "late": 0,
            "latency_us": {"p50": 10 * cpu, "p99": 20 * cpu, "p99.9": 30 * cpu},
            "server": {"cpu_us_per_request": cpu, "context_switches_per_request": 0.5},
            "generator": {"load": 0.5, "limit": limit}, "foreign_load": foreign, **more}


def figure(results, text):
    found, = [f for f in goals.figures(Results(results)) if f.text == text]
    return found


class ResultsTest(unittest.TestCase):
    def test_ratios_are_within_rounds(self):
        results = Results([measured("saturated", ECHO, 0, 10), measured("saturated", OURS, 0, 11),
                           measured("saturated", ECHO, 1, 20), measured("saturated", OURS, 1, 22),
                           measured("saturated", ECHO, 2, 30), measured("saturated", OURS, 2, 39)])
        self.assertAlmostEqual(results.ratio("saturated", 50, OURS, ECHO, CPU), 1.1)

    def test_rounds_without_the_other_server_have_no_ratio(self):
        results = Results([measured("saturated", OURS, 0, 11), measured("saturated", ECHO, 1, 10)])
        self.assertIsNone(results.ratio("saturated", 50, OURS, ECHO, CPU))

    def test_disturbed_rounds_do_not_count(self):
        results = Results([measured("saturated", OURS, 0, 11),
                           measured("saturated", OURS, 1, 99, foreign=0.5)])
        self.assertEqual(results.median("saturated", 50, OURS, CPU), 11)

    def test_disturbed_rounds_count_where_there_are_no_others(self):
        results = Results([measured("saturated", OURS, 0, 99, foreign=0.5)])
        self.assertEqual(results.median("saturated", 50, OURS, CPU), 99)

    def test_what_a_generator_does_not_tell_is_unknown(self):
        result = measured("h2load", OURS, 0, 11)
        del result["latency_us"]
        results = Results([result])
        self.assertIsNone(results.median("h2load", 50, OURS, latency("p99")))
        self.assertEqual(results.median("h2load", 50, OURS, CPU), 11)

    def test_spread_is_half_of_the_quartiles_distance(self):
        results = Results([measured("saturated", OURS, i, cpu)
                           for i, cpu in enumerate((8, 9, 10, 11, 12))])
        self.assertAlmostEqual(results.spread("saturated", 50, OURS, CPU), 0.15)


class GoalsTest(unittest.TestCase):
    def test_verdicts(self):
        verdicts = [goals.Figure("x", measured, 1.10, 1.03).verdict
                    for measured in (1.03, 1.10, 1.11)]
        self.assertEqual(verdicts, ["goal", "floor", "MISSED"])
        verdicts = [goals.Figure("x", measured, 0.92, 0.98, less_is_better=False).verdict
                    for measured in (0.98, 0.92, 0.91)]
        self.assertEqual(verdicts, ["goal", "floor", "MISSED"])
        self.assertEqual(goals.Figure("x", 3).verdict, "")

    def test_the_better_of_two_peers_is_compared(self):
        better = figure([measured("saturated", OURS, 0, 10),
                         measured("saturated", PLAIN, 0, 50),
                         measured("saturated", PLAIN_CALLBACK, 0, 40)],
                        f"{PLAIN_CALLBACK}'s CPU per request / ours, H=50")
        self.assertEqual((better.measured, better.verdict), (4, "goal"))

    def test_what_was_not_measured_has_no_figure(self):
        self.assertEqual(goals.figures(Results([measured("saturated", OURS, 0, 10)])), [])

    def test_metrics_cost_a_tenth_of_what_ten_times_more_of_them_do(self):
        cost = figure([measured("metrics", OURS, 0, 10), measured("metrics", METRICS, 0, 12)],
                      "metrics: % of the CPU per request, H=50")
        self.assertAlmostEqual(cost.measured, 2)

    def test_overload_that_answers_late_misses(self):
        results = [measured("peak_of_8_rows", OURS, 0, 100, width=1024, rate=1000),
                   measured("overload", OURS, 0, 100, width=1024, rate=950) | {"late": 1}]
        self.assertEqual(figure(results, "accepted past their deadline, H=1024").verdict, "MISSED")
        self.assertEqual(figure(results, "goodput at twice the peak / peak, H=1024").measured, 0.95)

    def test_allocations_of_our_own_are_those_beyond_the_echo_s(self):
        results = [{"scenario": "allocations", "width": 50, "peer": peer, "round": 0,
                    "allocations_per_request": count} for peer, count in ((ECHO, 9), (OURS, 10))]
        own = figure(results, "allocations per request of our own: beyond the echo's")
        self.assertEqual((own.measured, own.verdict), (1, "floor"))


class ReportTest(unittest.TestCase):
    def test_a_table_says_when_the_generator_was_the_limit(self):
        results = Results([measured("saturated", ECHO, 0, 10, limit="busy"),
                           measured("saturated", OURS, 0, 11, rate=900)])
        rows = report.table(results, "saturated", 50).splitlines()
        self.assertEqual(len(rows), 3)
        self.assertTrue(rows[1].endswith("the generator was the limit in 1 of 1"), rows[1])
        self.assertEqual(rows[2].split()[-2:], ["0.9", "1.1"])

    def test_text_has_every_scenario_that_was_measured(self):
        beside = {"beside": {"rows_per_second": 5000}}
        results = Results([measured(s.name, s.servers[0], 0, 10, concurrency=1, **beside)
                           for s in SCENARIOS])
        text = report.text(results)
        for scenario in SCENARIOS:
            self.assertIn(f"== {scenario.name}: ", text)
        self.assertIn("the others had 5,000 rows/s", text)


class ScenariosTest(unittest.TestCase):
    def test_all_of_their_servers_are_known(self):
        for scenario in SCENARIOS:
            self.assertLessEqual(set(scenario.servers), set(commands("", 50)) & set(ORDER))

    def test_what_a_rate_depends_on_comes_before_with_the_same_widths_and_servers(self):
        names = [s.name for s in SCENARIOS]
        for scenario in SCENARIOS:
            if not scenario.rate_of:
                continue
            _, peak_name, whose = scenario.rate_of
            peak = SCENARIOS[names.index(peak_name)]
            self.assertLess(names.index(peak_name), names.index(scenario.name))
            self.assertLessEqual(set(scenario.widths), set(peak.widths))
            self.assertLessEqual({whose} if whose else set(scenario.servers), set(peak.servers))


class H2LoadTest(unittest.TestCase):
    OUTPUT = """
finished in 1.50s, 2000.00 req/s, 5.44MB/s
requests: 3000 total, 3000 started, 3000 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 10.88MB (11410722) total, 477.62KB (489084) headers (space savings 95.45%), 1MB ({data}) data
"""

    def test_reads_rate_and_size(self):
        result = generators.parse_h2load(self.OUTPUT.format(succeeded=3000, data=3000 * 78))
        self.assertEqual(result["requests_per_second"], 2000)
        self.assertEqual(result["response_bytes"], 73)

    def test_refuses_what_was_not_answered(self):
        for succeeded, data in ((2999, 3000 * 78), (3000, 2999 * 78), (3000, 0), (3000, 3000 * 5)):
            with self.assertRaises(ValueError):
                generators.parse_h2load(self.OUTPUT.format(succeeded=succeeded, data=data))

    def test_frames_a_message(self):
        self.assertEqual(generators.framed(b"abc"), b"\0\0\0\0\3abc")


class PausesTest(unittest.TestCase):
    def test_the_server_stands_still_while_it_is_measured_and_not_after(self):
        stood_still_twice = threading.Event()
        pauses = []

        def stand_still(seconds):
            pauses.append(seconds)
            if len(pauses) == 2:
                stood_still_twice.set()

        def measure(server, flags):
            self.assertEqual((server.stand_still, flags), (stand_still, {"rate": 5}))
            self.assertTrue(stood_still_twice.wait(60))
            return ["measured"]

        server = mock.Mock(stand_still=stand_still)
        with mock.patch.object(generators, "bench", measure):
            self.assertEqual(generators.bench_with_pauses(server, {"rate": 5}), ["measured"])
        self.assertEqual(set(pauses), {generators.PAUSE_SECONDS})
        self.assertEqual(threading.active_count(), 1)


class AwakeCallerTest(unittest.TestCase):
    GREETING = (awake_caller.frame(awake_caller.SETTINGS, 0, 0) +
                awake_caller.frame(awake_caller.PING, 0, 0, b"12345678"))

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.arrived = []

    def tearDown(self):
        self.listener.close()

    @staticmethod
    def answer(stream, message):
        """Of a server that greets, too, and whose last frame comes apart."""
        return (AwakeCallerTest.GREETING +
                awake_caller.frame(awake_caller.DATA, 0, stream, generators.framed(message)),
                awake_caller.frame(awake_caller.HEADERS,
                                   awake_caller.END_STREAM | awake_caller.END_HEADERS, stream))

    def serve(self, message):
        """One connection, until it ends."""
        connection, _ = self.listener.accept()
        received = b""
        with connection:
            while part := connection.recv(65536):
                received += part
                found = awake_caller.frames(received[len(awake_caller.PREFACE):])
                for kind, flags, stream, payload in found[len(self.arrived):]:
                    self.arrived.append((kind, flags, stream, payload))
                    if kind == awake_caller.DATA and flags & awake_caller.END_STREAM:
                        for piece in self.answer(stream, message):
                            connection.sendall(piece)

    def serving(self, message):
        thread = threading.Thread(target=self.serve, args=(message,))
        thread.start()
        self.addCleanup(thread.join)

    def test_calls_one_stream_after_another_when_it_is_due(self):
        self.serving(b"answer")
        with awake_caller.AwakeCaller(self.address, b"question") as caller:
            caller.call()
            due = time.perf_counter() + 0.005
            self.assertGreater(caller.call_at(due), 0)
            self.assertGreater(time.perf_counter(), due)
        questions = [(stream, payload) for kind, _, stream, payload in self.arrived
                     if kind == awake_caller.DATA]
        question = generators.framed(b"question")
        self.assertEqual(questions, [(1, question), (3, question)])
        self.assertIn((awake_caller.PING, awake_caller.ACK, 0, b"12345678"), self.arrived)

    def test_an_answer_without_a_message_is_none(self):
        self.serving(b"")
        with awake_caller.AwakeCaller(self.address, b"question") as caller:
            with self.assertRaisesRegex(ConnectionError, "no message"):
                caller.call()

    def test_a_connection_that_ends_answers_nothing(self):
        near, far = socket.socketpair()
        with near, far:
            far.sendall(self.answer(1, b"answer")[0])
            far.shutdown(socket.SHUT_WR)
            near.setblocking(False)
            with self.assertRaisesRegex(ConnectionError, "no answer on stream 1"):
                awake_caller.exchange(near, b"question", 1)

    def test_a_frame_counts_when_it_is_whole(self):
        frame = awake_caller.frame(awake_caller.DATA, 1, 5, b"abc")
        self.assertEqual(awake_caller.frames(frame + frame[:-1]), [(0, 1, 5, b"abc")])
        self.assertEqual(awake_caller.frames(frame[:8]), [])


class SlopeTest(unittest.TestCase):
    def test_of_a_line_and_of_noise_about_it(self):
        self.assertAlmostEqual(probes.slope([(0, 5), (1, 7), (2, 9)]), 2)
        self.assertAlmostEqual(probes.slope([(0, 1), (1, -1), (2, -1), (3, 1)]), 0)


if __name__ == "__main__":
    unittest.main()
