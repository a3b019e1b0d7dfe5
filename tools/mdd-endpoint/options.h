// The command line of mdd-endpoint as values. Checks what can be checked without opening anything.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/srtp/profile.h"
#include "tools/dtls_srtp/fingerprint.h"
#include "tools/mdd-endpoint/dtls_client.h"
#include "tools/mdd-endpoint/generator.h"
#include "tools/mdd-endpoint/key_exchange.h"
#include "tools/mdd-endpoint/local_input.h"
#include "tools/mdd-endpoint/local_output.h"

namespace mdd::endpoint {

struct Options {
    UdpAddress mdd;
    UdpAddress bind;
    std::filesystem::path certificate;
    std::filesystem::path key;
    dtls::Fingerprint kmf{};
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    SessionIds session_ids;
    std::vector<SourceSpec> sources;
    std::vector<GeneratorSpec> generators;
    std::optional<OutputSpec> output;
    std::filesystem::path json;             // empty: none
    std::filesystem::path trace;            // empty: none
    std::chrono::milliseconds run_time{0};  // 0: until a signal
    HandshakeTimes handshake;
    std::string cname;  // empty: a random one
    bool start_paused = false;
    bool request_keyframe_on_join = false;
};

// A command line that makes no sense; what() says why in one sentence.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What to print instead of running: --help or --version.
struct Notice {
    std::string text;
};

// Throws UsageError.
std::variant<Options, Notice> parse_options(int argc, const char* const* argv);

}  // namespace mdd::endpoint
