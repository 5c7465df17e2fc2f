"""Checks deploy/ against the server itself: that manifests ask for flags that it has, wait as long as
it takes, and look at metrics that it shows.

  deployment_test.py SOURCES MDN_SERVER
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.request

import yaml

SOURCES = pathlib.Path(sys.argv[1])
SERVER = sys.argv[2]
DEPLOY = SOURCES / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
METRIC = re.compile(r"\b(?:mdn|grpc_server|process)_[a-z_]+\b")
# Labels of series, and names of other things.
NOT_METRICS = {"mdn_server", "mdn_client", "mdn_queue_wait_mean_seconds"}


def documents(path):
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * (60 if unit == "m" else 1)


def flags(arguments):
    return dict(a[2:].split("=", 1) for a in arguments)


def scrape():
    """What a server shows that has a model."""
    server = subprocess.Popen(
        [SERVER, f"--model={SOURCES}/tests/data/ex_1d.pt", "--listen=127.0.0.1:0",
         "--metrics_listen=127.0.0.1:0", "--lame_duck=0s"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in server.stdout:
            if line.startswith("metrics on "):
                address = line.split()[-1]
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    return answer.read().decode()
        raise RuntimeError("the server does not start")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.deployment, = documents(KUBERNETES / "base" / "deployment.yaml")
        self.pod = self.deployment["spec"]["template"]["spec"]
        self.container, = self.pod["containers"]
        self.flags = flags(self.container["args"])

    def test_server_takes_the_flags(self):
        result = subprocess.run([SERVER, *self.container["args"], "--print_config"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_replica_has_time_to_drain(self):
        needed = seconds(self.flags["lame_duck"]) + seconds(self.flags["drain_timeout"])
        self.assertGreaterEqual(self.pod["terminationGracePeriodSeconds"], needed + 5)

    def test_a_replica_leaves_the_service_before_it_refuses_calls(self):
        probe = self.container["readinessProbe"]
        noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
        self.assertGreater(seconds(self.flags["lame_duck"]), noticed)

    def test_ports_are_those_of_the_flags(self):
        ports = {p["name"]: p["containerPort"] for p in self.container["ports"]}
        self.assertEqual(self.flags["listen"], f"0.0.0.0:{ports['grpc']}")
        self.assertEqual(self.flags["metrics_listen"], f"0.0.0.0:{ports['metrics']}")
        self.assertEqual(self.container["readinessProbe"]["grpc"]["port"], ports["grpc"])
        for service in documents(KUBERNETES / "base" / "services.yaml"):
            for port in service["spec"]["ports"]:
                self.assertEqual(port["port"], ports[port["targetPort"]])

    def test_a_replica_may_do_no_more_than_it_needs(self):
        self.assertFalse(self.pod["automountServiceAccountToken"])
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(self.pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(self.container["securityContext"], {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]}})
        self.assertTrue(all(m["readOnly"] for m in self.container["volumeMounts"]))
        dockerfile = (DEPLOY / "Dockerfile").read_text()
        self.assertIn(f"USER {self.pod['securityContext']['runAsUser']}:", dockerfile)

    def test_selectors_choose_the_pods(self):
        labels = {"app.kubernetes.io/name": "mdn-server"}
        base, = documents(KUBERNETES / "base" / "kustomization.yaml")
        self.assertEqual(base["labels"], [{"pairs": labels, "includeTemplates": True}])
        self.assertEqual(self.deployment["spec"]["selector"]["matchLabels"], labels)
        for constraint in self.pod["topologySpreadConstraints"]:
            self.assertEqual(constraint["labelSelector"]["matchLabels"], labels)
        for service in documents(KUBERNETES / "base" / "services.yaml"):
            self.assertEqual(service["spec"]["selector"], labels)
        budget, = documents(KUBERNETES / "base" / "pod_disruption_budget.yaml")
        self.assertEqual(budget["spec"]["selector"]["matchLabels"], labels)
        policy, = documents(KUBERNETES / "base" / "network_policy.yaml")
        self.assertEqual(policy["spec"]["podSelector"]["matchLabels"], labels)

    def test_kustomizations_name_what_is_there(self):
        for path in KUBERNETES.rglob("kustomization.yaml"):
            kustomization, = documents(path)
            for resource in kustomization["resources"]:
                self.assertTrue((path.parent / resource).exists(), f"{path}: {resource}")

    def test_autoscaler_asks_for_what_the_adapter_offers(self):
        production = KUBERNETES / "overlays" / "production"
        autoscaler, = documents(production / "horizontal_pod_autoscaler.yaml")
        adapter, = documents(production / "prometheus_adapter.yaml")
        asked = [m["pods"]["metric"]["name"] for m in autoscaler["spec"]["metrics"]
                 if m["type"] == "Pods"]
        self.assertEqual(asked, [r["name"]["as"] for r in adapter["rules"]["custom"]])

    def test_example_serves_a_model_from_its_config_map(self):
        example, = documents(KUBERNETES / "overlays" / "example" / "kustomization.yaml")
        argument = example["patches"][1]["patch"]
        self.assertIn("/args/2", argument)
        self.assertEqual(self.container["args"][2].split("=")[0], "--model_repository")


class ProxyTest(unittest.TestCase):
    def test_the_lame_duck_is_longer_than_the_proxy_takes_to_notice(self):
        config = (DEPLOY / "haproxy.cfg").read_text()
        interval, falls = re.search(r"check inter (\d+)ms fall (\d+)", config).groups()
        printed = subprocess.run([SERVER, "--model=m", "--print_config"], capture_output=True,
                                 text=True, check=True).stdout
        lame_duck = re.search(r'"lame_duck": "(\w+)"', printed).group(1)
        self.assertGreater(1000 * seconds(lame_duck), 2 * int(interval) * int(falls))


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.compose, = documents(DEPLOY / "compose.yaml")

    def test_server_takes_the_flags(self):
        command = self.compose["services"]["server"]["command"]
        result = subprocess.run([SERVER, *command, "--print_config"], capture_output=True,
                                text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_nothing_is_reached_from_other_machines(self):
        for service in self.compose["services"].values():
            for port in service["ports"]:
                self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_mounts_are_there(self):
        for service in self.compose["services"].values():
            for volume in service["volumes"]:
                source = re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
                if source.startswith("."):
                    self.assertTrue((DEPLOY / source).is_dir(), source)

    def test_prometheus_scrapes_the_server(self):
        prometheus, = documents(DEPLOY / "prometheus" / "prometheus.yaml")
        targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
        command = flags(self.compose["services"]["server"]["command"])
        self.assertEqual(targets, ["server:" + command["metrics_listen"].split(":")[1]])


class MetricsTest(unittest.TestCase):
    def test_dashboards_rules_and_autoscaling_ask_for_metrics_that_there_are(self):
        shown = set(re.findall(r"^([a-z_]+)(?:\{| )", scrape(), re.MULTILINE))
        rules, = documents(DEPLOY / "prometheus" / "rules.yaml")
        recorded = {r.get("record") for g in rules["groups"] for r in g["rules"]}
        expressions = [r["expr"] for g in rules["groups"] for r in g["rules"]]
        dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "mdn_server.json").read_text())
        expressions += [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]
        expressions += [v["definition"] for v in dashboard["templating"]["list"]
                        if "definition" in v]
        adapter = KUBERNETES / "overlays" / "production" / "prometheus_adapter.yaml"
        expressions += [r["metricsQuery"] for r in documents(adapter)[0]["rules"]["custom"]]
        asked = set()
        for expression in expressions:
            asked |= set(METRIC.findall(expression))
            for name in re.findall(r"\bmdn:[a-z0-9_:]+", expression):
                self.assertIn(name, recorded)
        self.assertGreater(len(asked), 15)
        self.assertEqual(asked - shown - NOT_METRICS, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
