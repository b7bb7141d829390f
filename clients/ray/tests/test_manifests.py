"""The manifests for Kubernetes beside this package are YAML with the fields that they need; Ray brings a reader of it."""

import unittest
from pathlib import Path

import yaml

FOLDER = Path(__file__).parents[2] / "kubernetes"


class TestManifests(unittest.TestCase):
    def test_jobs_fit_together(self) -> None:
        jobs = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in ("shards", "train", "evaluate", "report")}
        claim = yaml.safe_load((FOLDER / "volume.yaml").read_text())
        self.assertEqual((claim["kind"], claim["spec"]["accessModes"]), ("PersistentVolumeClaim", ["ReadWriteMany"]))
        environments = []
        for name, job in jobs.items():
            spec, pod = job["spec"], job["spec"]["template"]["spec"]
            [container], [volume] = pod["containers"], pod["volumes"]
            environment = {variable["name"]: variable["value"] for variable in container["env"]}
            environments.append((environment, container["image"]))
            self.assertEqual((job["apiVersion"], job["kind"], job["metadata"]["name"]), ("batch/v1", "Job", f"ts-host-{name}"))
            # A policy for failures asks for this.
            self.assertEqual(pod["restartPolicy"], "Never")
            self.assertEqual([rule["action"] for rule in spec["podFailurePolicy"]["rules"]], ["Ignore", "FailJob"])
            self.assertEqual(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"])
            self.assertTrue(environment["RUN"].startswith(container["volumeMounts"][0]["mountPath"] + "/"))
            self.assertEqual((container["command"], len(container["args"])), (["/bin/sh", "-euc"], 1))
            is_array = name in ("shards", "evaluate")
            self.assertEqual(spec.get("completionMode"), "Indexed" if is_array else None)
            if is_array:
                self.assertEqual((spec["completions"], spec["parallelism"]), (int(environment["SHARDS"]),) * 2)
                self.assertIn("JOB_COMPLETION_INDEX", container["args"][0])
        self.assertTrue(all(each == environments[0] for each in environments), "one image, one set of values")


if __name__ == "__main__":
    unittest.main()
