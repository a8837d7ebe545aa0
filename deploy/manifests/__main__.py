"""``python -m deploy.manifests [generate|render|tools|apply]``: the chart, the plain manifests, and what they need.

``generate`` writes the files of the chart that are made from the code, ``render`` those and ``deploy/k8s`` by Helm,
``tools`` fetches Helm and kubectl, ``apply`` applies ``deploy/k8s`` to the cluster of the current context.
"""

import argparse
import sys
from collections.abc import Sequence

from deploy.manifests import apply, generated, plain, tools
from deploy.manifests.helm import HelmError


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("generate", "render", "tools", "apply"), nargs="?", default="generate")
    parser.add_argument("--image-prefix", default="", metavar="REGISTRY/OWNER/", help="of apply: where images are")
    parser.add_argument("--tag", default="latest", help="of apply: the version of the images")
    args = parser.parse_args(arguments)
    if args.image_prefix and not args.image_prefix.endswith("/"):
        parser.error("--image-prefix ends with a slash, such as registry.example/agentflow/")
    try:
        _run(args)
    except (HelmError, tools.ToolsError, apply.ApplyError) as exc:
        sys.stderr.write(f"python -m deploy.manifests {args.command}: {exc}\n")
        return 1
    return 0


def _run(args: argparse.Namespace) -> None:
    if args.command == "tools":
        print("\n".join(map(str, tools.fetch())))
    elif args.command == "apply":
        apply.apply(args.image_prefix, args.tag)
    else:
        for path in generated.stale():
            path.write_text(generated.files()[path], encoding="utf-8")
            print(path)
        if args.command == "render":
            print("\n".join(f"deploy/k8s/{name}" for name in plain.write()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
