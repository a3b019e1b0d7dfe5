"""Network namespaces, wires and child processes of a lab; it knows nothing of what runs in them.

Needs to be root of user, network, mount and PID namespaces of its own: then nothing here touches the machine,
and everything vanishes with the process.
"""
import os
import signal
import subprocess
import time


class BedError(Exception):
    """Something in the lab did not work; the text is a full sentence for a person."""


def run(*command, namespace=None):
    """Runs a command to its end, inside a namespace where one is named; raises BedError with what it said."""
    result = subprocess.run(entered(namespace, command), capture_output=True, text=True, check=False,
                            stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise BedError(f"'{' '.join(map(str, command))}' failed: {said[-800:]}")
    return result.stdout


def entered(namespace, command):
    """The command line that runs `command` inside a namespace; the program keeps the process id."""
    prefix = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
    return prefix + [str(word) for word in command]


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true; raises BedError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise BedError(f"{what} did not happen within {seconds} s.")


class Child:
    """A started program with its standard output and error in files."""

    def __init__(self, name, command, folder, namespace, environment):
        self.name = name
        self.out_path, self.err_path = (os.path.join(folder, f"{name}.{ending}") for ending in ("out", "err"))
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            # A session of its own, so that Ctrl-C reaches only the demo, which then ends its children in order.
            self.process = subprocess.Popen(entered(namespace, command), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, start_new_session=True,
                                            env={**os.environ, **(environment or {})})

    def output(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def errors(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def must_live(self):
        """Raises BedError with its last words when the program has ended."""
        code = self.process.poll()
        if code is not None:
            raise BedError(f"{self.name} ended with code {code}:\n{(self.errors() or self.output())[-1500:]}")
        return True

    def wait_for_output(self, text, seconds):
        """Waits until `text` is in its output or error output while it lives."""
        wait_until(lambda: text in self.output() or text in self.errors() or not self.must_live(), seconds,
                   f"'{text}' from {self.name}")

    def wait(self, seconds):
        """Waits for its end and returns its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BedError(f"{self.name} did not end within {seconds} s.") from None

    def stop(self, seconds=5):
        """Asks it to end (SIGTERM) and returns its exit code; kills it when it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BedError(f"{self.name} did not end on SIGTERM within {seconds} s.") from None


class Bed:
    """Namespaces joined by one Ethernet switch, and the programs in them. Use as a context manager."""

    SWITCH = "switch"

    def __init__(self, folder):
        self.folder = folder
        self.children = []

    def __enter__(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        os.makedirs("/run/netns")
        self._start_network(None)
        run("ip", "link", "add", self.SWITCH, "type", "bridge")
        run("ip", "link", "set", self.SWITCH, "up")
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait()

    def namespace(self, name):
        run("ip", "netns", "add", name)
        self._start_network(name)

    @staticmethod
    def _start_network(namespace):
        run("ip", "link", "set", "lo", "up", namespace=namespace)
        # Otherwise every interface multicasts for router and neighbour discovery, which nobody here answers.
        run("sh", "-c", "for group in all default; do echo 1 > /proc/sys/net/ipv6/conf/$group/disable_ipv6; done",
            namespace=namespace)

    def plug_in(self, namespace, address):
        """Gives a namespace an interface eth0 on the switch."""
        port = f"to-{namespace}"
        run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        run("ip", "link", "set", port, "master", self.SWITCH, "up")
        run("ip", "addr", "add", address, "dev", "eth0", namespace=namespace)
        run("ip", "link", "set", "eth0", "up", namespace=namespace)

    def plug_in_tap(self, namespace, interface):
        """Moves the kernel's end of a DPDK tap port from its process's namespace to the switch.

        Only when the process has started the port: while it does, it still configures the interface by name.
        """
        wait_until(lambda: self._has_interface(namespace, interface), 10, f"the tap {interface}")
        run("ip", "link", "set", interface, "netns", str(os.getpid()), namespace=namespace)
        # The kernel's end has the same Ethernet address as the port; a bridge would keep frames to it for itself.
        run("ip", "link", "set", interface, "address", "02:00:00:00:ff:01")
        run("ip", "link", "set", interface, "master", self.SWITCH, "txqueuelen", "10000", "up")

    @staticmethod
    def _has_interface(namespace, interface):
        show = subprocess.run(entered(namespace, ["ip", "link", "show", "dev", interface]), capture_output=True,
                              check=False)
        return show.returncode == 0

    @staticmethod
    def wire(first, first_address, second, second_address, name):
        """Joins two namespaces by a cable of their own."""
        run("ip", "link", "add", name, "netns", first, "type", "veth", "peer", "name", name, "netns", second)
        for namespace, address in ((first, first_address), (second, second_address)):
            run("ip", "addr", "add", address, "dev", name, namespace=namespace)
            run("ip", "link", "set", name, "up", namespace=namespace)

    def start(self, name, *command, namespace=None, environment=None):
        child = Child(name, command, self.folder, namespace, environment)
        self.children.append(child)
        return child
