// Gathers header and body of one message at a time.
#include "kmf-tunnel/frame.h"

#include <algorithm>

namespace mdd::tunnel::rfc9185 {

// Bytes to the end of the header, then to the end of the body.
std::size_t FrameReader::missing() const {
    if (held_ < kHeaderBytes) return kHeaderBytes - held_;
    return kHeaderBytes + srtp::load_be16(buffer_.bytes().data() + 1) - held_;
}

void FrameReader::take(srtp::Bytes bytes, const Sink& sink) {
    while (!bytes.empty()) {
        const std::size_t taken = std::min(missing(), bytes.size());
        std::copy_n(bytes.begin(), taken,
                    buffer_.writable().begin() + static_cast<std::ptrdiff_t>(held_));
        held_ += taken;
        bytes = bytes.subspan(taken);
        if (held_ < kHeaderBytes || missing() > 0) continue;
        const auto whole = buffer_.bytes().first(held_);
        const bool goes_on = sink(whole[0], whole.subspan(kHeaderBytes));
        srtp::wipe(buffer_.writable().data(), held_);
        held_ = 0;
        if (!goes_on) return;
    }
}

}  // namespace mdd::tunnel::rfc9185
