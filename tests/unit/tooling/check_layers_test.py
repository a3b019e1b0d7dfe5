#!/usr/bin/env python3
"""Plants one violation of each kind in a small tree and expects check-layers to name its file and line."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK_LAYERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/check-layers")

CLEAN_TREE = {
    "dataplane/srtp/keys.h": '// Keys.\n#include <cstdint>\n#include "dataplane/srtp/bytes.h"\n',
    "dataplane/srtp/bytes.h": "// Bytes.\n",
    "dataplane/srtp/rtp.h": "// RTP.\n",
    "dataplane/srtp/aead.cpp": "// AEAD.\n#include <intel-ipsec-mb.h>\n",
    "dataplane/worker.h": '// Worker.\n#include <rte_mbuf.h>\n#include "dataplane/srtp/keys.h"\n',
    "kmf-tunnel/secure.cpp": '// DTLS.\n#include <openssl/ssl.h>\n#include "dataplane/srtp/keys.h"\n',
    "controlplane/log.cpp": '// Log.\n#include <spdlog/spdlog.h>\n#include "dataplane/worker.h"\n',
    "tools/peer.cpp": '// Peer.\n#include <srtp2/srtp.h>\n#include "dataplane/srtp/keys.h"\n',
    "tools/run": "#!/bin/sh\n# Runs it.\n",
    "tests/peer_test.cpp": '// Test.\n#include <rte_ring.h>\n#include "tools/peer.cpp"\n',
}


def run_on(tree):
    """Writes `tree` (path -> text) to a new folder and returns (exit code, output) of check-layers on it."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        result = subprocess.run([sys.executable, CHECK_LAYERS, root], capture_output=True, text=True)
        return result.returncode, result.stdout + result.stderr


class CheckLayers(unittest.TestCase):
    def expect_refused(self, path, text, place):
        code, output = run_on({**CLEAN_TREE, path: text})
        self.assertEqual(code, 1, output)
        self.assertIn(f"{place}: ", output)
        self.assertIn(" 1 complaints", output)

    def test_a_clean_tree_passes(self):
        code, output = run_on(CLEAN_TREE)
        self.assertEqual(code, 0, output)

    def test_an_empty_tree_is_no_success(self):
        code, _ = run_on({})
        self.assertEqual(code, 1)

    def test_srtp_may_include_nothing_above_it(self):
        self.expect_refused("dataplane/srtp/x.h", '// X.\n#include "dataplane/worker.h"\n', "dataplane/srtp/x.h:2")

    def test_dataplane_may_not_include_the_control_plane(self):
        self.expect_refused("dataplane/x.h", '// X.\n#include "controlplane/log.cpp"\n', "dataplane/x.h:2")

    def test_the_tunnel_sees_only_three_headers_of_srtp(self):
        self.expect_refused("kmf-tunnel/x.h", '// X.\n#include "dataplane/srtp/rtp.h"\n', "kmf-tunnel/x.h:2")

    def test_the_product_includes_no_tools(self):
        self.expect_refused("controlplane/x.h", '// X.\n#include "tools/peer.cpp"\n', "controlplane/x.h:2")

    def test_dpdk_stays_out_of_srtp(self):
        self.expect_refused("dataplane/srtp/x.h", "// X.\n#include <rte_mbuf.h>\n", "dataplane/srtp/x.h:2")

    def test_dpdk_stays_out_of_the_control_plane(self):
        self.expect_refused("controlplane/x.h", "// X.\n#include <rte_mbuf.h>\n", "controlplane/x.h:2")

    def test_ipsec_mb_stays_in_two_files(self):
        self.expect_refused("dataplane/srtp/hop.cpp", "// X.\n#include <intel-ipsec-mb.h>\n", "dataplane/srtp/hop.cpp:2")

    def test_openssl_stays_in_the_tunnel(self):
        self.expect_refused("controlplane/x.cpp", "// X.\n#include <openssl/ssl.h>\n", "controlplane/x.cpp:2")

    def test_libsrtp_stays_out_of_the_product(self):
        self.expect_refused("dataplane/x.cpp", "// X.\n#include <srtp2/srtp.h>\n", "dataplane/x.cpp:2")

    def test_logging_stays_out_of_the_dataplane(self):
        self.expect_refused("dataplane/x.cpp", "// X.\n#include <spdlog/spdlog.h>\n", "dataplane/x.cpp:2")

    def test_json_stays_out_of_the_tunnel(self):
        self.expect_refused("kmf-tunnel/x.cpp", "// X.\n#include <nlohmann/json.hpp>\n", "kmf-tunnel/x.cpp:2")

    def test_an_include_is_written_from_the_root(self):
        self.expect_refused("dataplane/x.h", '// X.\n#include "worker.h"\n', "dataplane/x.h:2")

    def test_an_include_of_ours_is_quoted(self):
        self.expect_refused("dataplane/x.h", "// X.\n#include <dataplane/worker.h>\n", "dataplane/x.h:2")

    def test_a_third_party_include_cannot_hide_in_quotes(self):
        self.expect_refused("dataplane/x.h", '// X.\n#include "openssl/ssl.h"\n', "dataplane/x.h:2")

    def test_a_source_file_says_what_it_is(self):
        self.expect_refused("dataplane/x.h", "#pragma once\n", "dataplane/x.h:1")

    def test_a_script_says_what_it_is(self):
        self.expect_refused("tools/x", "#!/bin/sh\nset -e\n", "tools/x:1")

    def test_a_file_is_named_for_what_is_in_it(self):
        self.expect_refused("dataplane/packet_util.h", "// X.\n", "dataplane/packet_util.h:1")


if __name__ == "__main__":
    unittest.main()
