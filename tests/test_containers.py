"""The image, and what `docker compose` starts around it: checked as far as it goes without a container engine."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.settings import PREFIX, Settings
from tests.conftest import ROOT
from tests.server.running import run_server

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stages() -> dict[str, str]:
    """What is done in each, by its name; the last is `final`."""
    parts = re.split(r"^FROM (.+)$", DOCKERFILE, flags=re.MULTILINE)
    return {head.partition(" AS ")[2] or "final": body for head, body in zip(parts[1::2], parts[2::2], strict=True)}


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


COMPOSE = loaded("compose.yaml")


@pytest.mark.skipif(not HADOLINT.exists(), reason="needs hadolint, which has no build for this machine")
def test_the_dockerfile_is_as_dockerfiles_should_be() -> None:
    result = subprocess.run([HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_image_without_a_gpu_has_what_was_built_and_nothing_that_builds() -> None:
    assert set(stages()) == {"build", "cpu", "cuda", "final"}
    assert "FROM ${ENGINE}\n" in DOCKERFILE
    ran = stages()["cpu"] + stages()["final"]
    assert not re.search(r"apt-get|pip|gcc", ran)
    assert re.findall(r"^COPY (.*)$", ran, re.MULTILINE) == ["--from=build /opt/tradefours /opt/tradefours"]
    assert "gcc" in stages()["cuda"], "triton wants it"


def test_nobody_is_root_in_it() -> None:
    (user,) = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    assert f"useradd --uid {user} " in stages()["final"]


def test_it_is_healthy_when_it_is_ready_and_not_when_it_is_not() -> None:
    (check,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    program, *arguments = json.loads(check)
    assert program == "python"
    with run_server() as running:
        command = [sys.executable, *(each.replace("8765", str(running.port)) for each in arguments)]
        assert subprocess.run(command, cwd=ROOT, timeout=10).returncode == 0
        running.stage.is_closing = True
        assert subprocess.run(command, cwd=ROOT, timeout=10).returncode == 1


def test_everything_is_published_to_this_machine_alone_and_every_image_has_its_version() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"])


def test_every_file_that_is_mounted_is_there_and_every_volume_has_a_name() -> None:
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], volume


def test_the_server_in_it_has_settings_that_there_are_and_keeps_what_it_has_on_its_volume() -> None:
    environ = COMPOSE["services"]["tradefours"]["environment"]
    assert {name.removeprefix(PREFIX).lower() for name in environ} <= set(Settings.model_fields)
    settings = Settings.read(environ)
    assert {settings.journal, settings.generations} == {Path("/data/journal"), Path("/data/generations")}
    assert "data:/data" in COMPOSE["services"]["tradefours"]["volumes"]
    assert "--owner=tradefours /data" in stages()["final"]


def test_prometheus_reads_the_server_and_the_alerts_and_grafana_reads_prometheus() -> None:
    prometheus = loaded("deploy/prometheus.yml")
    (job,) = prometheus["scrape_configs"]
    server = COMPOSE["services"]["tradefours"]
    assert job["static_configs"] == [{"targets": [f"{server['hostname']}:8765"]}]
    assert server["hostname"] in COMPOSE["services"], "it is known to the others, and to itself, by one name"
    assert f'--port", "{server["ports"][0].rpartition(":")[2]}' in DOCKERFILE
    folder = "/etc/prometheus/"
    mounted = {volume.split(":")[1] for volume in COMPOSE["services"]["prometheus"]["volumes"]}
    assert {f"{folder}{name}" for name in ("prometheus.yml", *prometheus["rule_files"])} <= mounted
    (source,) = loaded("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = loaded("deploy/grafana/provisioning/dashboards/tradefours.yml")["providers"]
    targets = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/tradefours.json" in targets


def test_on_a_gpu_only_the_image_and_the_device_are_others() -> None:
    other = loaded("deploy/compose.cuda.yaml")["services"]
    assert set(other) == {"tradefours"}
    assert other["tradefours"]["build"]["args"]["ENGINE"] in stages()


def test_the_panels_of_the_dashboard_have_names_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads((ROOT / "deploy/grafana/tradefours.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["type"], panel["title"]) for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
        assert one["x"] + one["w"] <= 24


def test_every_alert_says_what_it_is_about_and_waits_before_it_wakes_anybody() -> None:
    (group,) = loaded("deploy/alerts.yml")["groups"]
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "annotations"}
        assert rule["annotations"]["summary"].endswith(".") or "/ready" in rule["annotations"]["summary"]
