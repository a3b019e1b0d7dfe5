// CLI11 for the names, small parsers for the colon-separated values.
#include "tools/mdd-endpoint/options.h"

#include <cctype>
#include <charconv>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/dtls_srtp/hello_extensions.h"

namespace mdd::endpoint {
namespace {

double in_seconds(std::chrono::milliseconds span) {
    return std::chrono::duration<double>(span).count();
}

struct Texts {
    std::string mdd;
    std::string bind;
    std::string fingerprint;
    std::string profile{srtp::traits_of(srtp::Profile::double_aes_128_gcm).name};
    std::vector<std::string> rtp_in;
    std::vector<std::string> ssrcs;
    std::vector<std::string> payload_types;
    std::vector<std::string> generate;
    std::vector<std::string> expect;
    std::string rtp_out;
    std::string sdp;
    double seconds = 0;
    double handshake_timeout = 30;
    double first_repeat = in_seconds(DtlsClient::kFirstRepeat);
};

std::uint64_t number(std::string_view text, std::uint64_t highest, std::string_view what) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const auto digits = hex ? text.substr(2) : text;
    std::uint64_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
    if (digits.empty() || fault != std::errc() || stop != end || value > highest)
        throw UsageError(
            fmt::format("{} must be a number from 0 to {}, not \"{}\".", what, highest, text));
    return value;
}

std::uint32_t ssrc(std::string_view text) {
    return static_cast<std::uint32_t>(number(text, 0xFFFFFFFF, "an SSRC"));
}

// Types 64 to 95 would be taken for RTCP (RFC 5761 §4).
std::uint8_t payload_type(std::string_view text) {
    const auto value = number(text, 127, "a payload type");
    if (value >= 64 && value <= 95)
        throw UsageError(fmt::format(
            "Payload type {} cannot be used: 64 to 95 look like RTCP on a shared port.", value));
    return static_cast<std::uint8_t>(value);
}

std::vector<std::string_view> fields(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string without_scheme(const std::string& text) {
    const bool has = text.size() > 4 && std::tolower(text[0]) == 'u' &&
                     std::tolower(text[1]) == 'd' && std::tolower(text[2]) == 'p' && text[3] == ':';
    return has ? text.substr(4) : text;
}

UdpAddress address(const std::string& text, const char* option) {
    try {
        return parse_udp_address(without_scheme(text));
    } catch (const std::invalid_argument& error) {
        throw UsageError(fmt::format("{}: {}.", option, error.what()));
    }
}

std::vector<SourceSpec> sources(const Texts& texts) {
    if (texts.rtp_in.size() != texts.ssrcs.size() ||
        texts.rtp_in.size() != texts.payload_types.size())
        throw UsageError("Each --rtp-in needs one --ssrc and one --pt, in the same order.");
    std::vector<SourceSpec> specs;
    for (std::size_t i = 0; i < texts.rtp_in.size(); ++i) {
        const auto port = number(without_scheme(texts.rtp_in[i]), 65534, "the port of --rtp-in");
        specs.push_back({static_cast<std::uint16_t>(port), ssrc(texts.ssrcs[i]),
                         payload_type(texts.payload_types[i])});
    }
    return specs;
}

GeneratorSpec generator(const std::string& text) {
    const auto parts = fields(text, ':');
    if (parts.size() != 4 && parts.size() != 5)
        throw UsageError(
            fmt::format("--generate is SSRC:PT:PPS:BYTES[:FIRST_SEQ], not \"{}\".", text));
    GeneratorSpec spec;
    spec.ssrc = ssrc(parts[0]);
    spec.payload_type = payload_type(parts[1]);
    spec.packets_per_second =
        static_cast<unsigned>(number(parts[2], 1'000'000, "the rate of --generate"));
    spec.payload_bytes = number(parts[3], 60'000, "the payload size of --generate");
    if (parts.size() == 5)
        spec.first_sequence =
            static_cast<std::uint16_t>(number(parts[4], 65535, "the first sequence number"));
    if (spec.packets_per_second == 0 || spec.payload_bytes < kSmallestPatternBytes)
        throw UsageError(fmt::format("--generate needs at least 1 packet per second and {} bytes.",
                                     kSmallestPatternBytes));
    return spec;
}

ExpectedStream expected(const std::string& text) {
    const auto parts = fields(text, ':');
    if (parts.size() != 3 || parts[2].find('/') == std::string_view::npos)
        throw UsageError(
            fmt::format("--expect is SSRC:PT:ENCODING/CLOCK[/CHANNELS], not \"{}\".", text));
    return {ssrc(parts[0]), payload_type(parts[1]), std::string(parts[2])};
}

void check_distinct_ssrcs(const Options& options) {
    std::vector<std::uint32_t> seen;
    for (const auto& source : options.sources) seen.push_back(source.ssrc);
    for (const auto& made : options.generators) seen.push_back(made.ssrc);
    std::ranges::sort(seen);
    if (std::ranges::adjacent_find(seen) != seen.end())
        throw UsageError("Two local streams have the same SSRC.");
}

std::chrono::milliseconds milliseconds(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void convert(const Texts& texts, Options& options) {
    options.mdd = address(texts.mdd, "--mdd");
    options.bind = address(texts.bind, "--bind");
    const auto fingerprint = dtls::parse_fingerprint(texts.fingerprint);
    if (!fingerprint)
        throw UsageError("--kmf-fingerprint must be a SHA-256 fingerprint: 64 hex digits.");
    options.kmf = *fingerprint;
    const auto* profile = srtp::find_profile(texts.profile);
    if (profile == nullptr)
        throw UsageError(
            fmt::format("\"{}\" is no SRTP profile that is known here.", texts.profile));
    options.profile = profile->profile;
    for (const auto& [id, option] : {std::pair{&options.session_ids.own, "--tls-id"},
                                     std::pair{&options.session_ids.kmf, "--kmf-tls-id"}})
        if (!id->empty() && !dtls::is_session_id(*id))
            throw UsageError(
                fmt::format("{} must be 20 to 255 letters, digits, '+', '/', '-' or '_'.", option));
    options.sources = sources(texts);
    for (const auto& text : texts.generate) options.generators.push_back(generator(text));
    check_distinct_ssrcs(options);
    if (!texts.rtp_out.empty()) {
        OutputSpec output{address(texts.rtp_out, "--rtp-out"), {}, texts.sdp};
        for (const auto& text : texts.expect) output.expected.push_back(expected(text));
        options.output = std::move(output);
    } else if (!texts.expect.empty() || !texts.sdp.empty()) {
        throw UsageError("--expect and --sdp say something about --rtp-out, which is missing.");
    }
    if (options.cname.size() > 255) throw UsageError("--cname is at most 255 bytes.");
    options.run_time = milliseconds(texts.seconds);
    options.handshake = {.deadline = milliseconds(texts.handshake_timeout),
                         .first_repeat = milliseconds(texts.first_repeat)};
}

void declare(CLI::App& app, Texts& texts, Options& options) {
    app.set_version_flag("--version", "mdd-endpoint " MDD_VERSION);
    app.add_option("--mdd", texts.mdd, "media address of the MDD, ADDR:PORT")->required();
    app.add_option("--bind", texts.bind, "our address towards it, ADDR:PORT")->required();
    app.add_option("--cert", options.certificate, "our certificate, PEM")->required();
    app.add_option("--key", options.key, "its key, PEM")->required();
    app.add_option("--kmf-fingerprint", texts.fingerprint, "SHA-256 of the KMF's certificate")
        ->required();
    app.add_option("--profile", texts.profile, "SRTP protection profile")->capture_default_str();
    app.add_option("--tls-id", options.session_ids.own,
                   "our tls-id, sent as external_session_id; RFC 9185 needs it");
    app.add_option("--kmf-tls-id", options.session_ids.kmf,
                   "the KMF's tls-id; with another or none its keys are not used");
    app.add_option("--rtp-in", texts.rtp_in,
                   "UDP:PORT: RTP of a local program on 127.0.0.1, RTCP on PORT+1; repeatable");
    app.add_option("--ssrc", texts.ssrcs, "SSRC of the --rtp-in at the same place");
    app.add_option("--pt", texts.payload_types, "payload type of the --rtp-in at the same place");
    app.add_option("--rtp-out", texts.rtp_out,
                   "UDP:ADDR:PORT: where received streams go, one port pair each from PORT up");
    app.add_option(
        "--expect", texts.expect,
        "SSRC:PT:ENCODING/CLOCK[/CHANNELS]: a stream to come, in port order; repeatable");
    app.add_option("--sdp", texts.sdp, "file for the session description of --rtp-out");
    app.add_option(
        "--generate", texts.generate,
        "SSRC:PT:PPS:BYTES[:FIRST_SEQ]: send a stream that receivers verify; repeatable");
    app.add_option("--json", options.json, "file for the report");
    app.add_option("--trace", options.trace, "file for one CSV line per packet");
    app.add_option("--seconds", texts.seconds, "end after this time; 0: at SIGTERM or SIGINT")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--handshake-timeout", texts.handshake_timeout, "seconds for a handshake")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--first-repeat", texts.first_repeat,
                   "seconds until a flight of the handshake is sent again for the first time")
        ->check(CLI::Range(0.001, in_seconds(DtlsClient::kLongestFirstRepeat)))
        ->capture_default_str();
    app.add_option("--cname", options.cname, "RTCP CNAME; default random");
    app.add_flag("--start-paused", options.start_paused, "send no RTP until SIGUSR2");
    app.add_flag("--request-keyframe-on-join", options.request_keyframe_on_join,
                 "send a PLI for each new remote stream");
    app.footer("Signals: SIGUSR1 new handshake, SIGUSR2 pause or resume sending.");
}

}  // namespace

std::variant<Options, Notice> parse_options(int argc, const char* const* argv) {
    CLI::App app(
        "PERC endpoint and gateway: DTLS-SRTP, Double and EKT towards an MDD, plain RTP here",
        "mdd-endpoint");
    Texts texts;
    Options options;
    declare(app, texts, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return Notice{app.help()};
    } catch (const CLI::CallForVersion& version) {
        return Notice{std::string(version.what()) + "\n"};
    } catch (const CLI::ParseError& error) {
        throw UsageError(error.what());
    }
    convert(texts, options);
    return options;
}

}  // namespace mdd::endpoint
