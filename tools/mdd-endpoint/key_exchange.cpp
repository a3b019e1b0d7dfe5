// One pending and one established association, and the timer of the pending one.
#include "tools/mdd-endpoint/key_exchange.h"

#include <algorithm>
#include <utility>

namespace mdd::endpoint {

KeyExchange::KeyExchange(boost::asio::io_context& loop, const DtlsIdentity& identity,
                         const HandshakeTimes& times, Events events)
    : identity_(identity), times_(times), events_(std::move(events)), timer_(loop) {}

void KeyExchange::start() {
    if (pending_) return;
    started_ = Clock::now();
    begin();
}

void KeyExchange::begin() {
    pending_ = std::make_unique<DtlsClient>(
        identity_,
        [this](srtp::Bytes datagram) {
            ++counters_.datagrams_sent;
            events_.send(datagram);
        },
        times_.first_repeat);
    pending_->start();
    after_step();
}

// Each association takes what it can open. Only one at a time is without keys, so a datagram of the
// handshake is nobody else's.
void KeyExchange::on_datagram(srtp::Bytes datagram) {
    ++counters_.datagrams_received;
    if (established_) {
        established_->on_datagram(datagram);
        collect(*established_);
    }
    if (pending_) {
        pending_->on_datagram(datagram);
        after_step();
    }
    end_when_over();
}

void KeyExchange::collect(DtlsClient& client) {
    while (auto key = client.next_ekt_key())
        if (!events_.ekt_key(std::move(*key))) client.refuse_ekt_key();
    counters_.ekt_acknowledgements = acknowledged_before_ + client.acknowledgements();
}

// The KMF may end the old association as soon as it has the new one, so while a handshake is under
// way that is no leaving.
void KeyExchange::end_when_over() {
    if (!established_ || pending_ || established_->state() == DtlsClient::State::keyed) return;
    counters_.closed_by_kmf = established_->state() == DtlsClient::State::closed;
    counters_.failure = established_->failure();
    established_.reset();
    events_.ended();
}

void KeyExchange::after_step() {
    switch (pending_->state()) {
        case DtlsClient::State::handshaking:
            return arm();
        case DtlsClient::State::keyed:
            return on_finished();
        case DtlsClient::State::closed:
        case DtlsClient::State::failed:
            return on_failed();
    }
}

void KeyExchange::on_finished() {
    timer_.cancel();
    const std::chrono::duration<double, std::milli> took = Clock::now() - started_;
    counters_.last_handshake_ms = took.count();
    if (counters_.handshakes++ == 0) counters_.first_handshake_ms = took.count();
    counters_.repeated_flights += pending_->repeats();
    acknowledged_before_ = counters_.ekt_acknowledgements;
    established_ = std::move(pending_);
    if (const auto keys = established_->take_keys()) events_.keys(*keys);
    collect(*established_);
}

void KeyExchange::on_failed() {
    timer_.cancel();
    ++counters_.handshakes_failed;
    counters_.failure = pending_->failure();
    counters_.repeated_flights += pending_->repeats();
    pending_.reset();
    if (counters_.handshakes == 0) events_.failed();
}

void KeyExchange::arm() {
    const auto repeat = pending_->time_to_repeat().value_or(DtlsClient::kLongestRepeat);
    // OpenSSL's clock is coarse: wake a little late rather than find nothing to do.
    const auto late = std::chrono::milliseconds(1);
    timer_.expires_at(std::min(Clock::now() + repeat, started_ + times_.deadline) + late);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled || !pending_) return;
        pending_->on_time();
        const bool in_time = Clock::now() - started_ < times_.deadline;
        // OpenSSL gives up after some repeats; within the deadline a new ClientHello is worth more
        // than an end.
        if (pending_->state() == DtlsClient::State::failed && in_time) {
            counters_.repeated_flights += pending_->repeats();
            begin();
            return;
        }
        if (!in_time && pending_->state() == DtlsClient::State::handshaking) pending_->give_up();
        after_step();
        end_when_over();
    });
}

void KeyExchange::close() {
    timer_.cancel();
    if (established_) established_->close();
    pending_.reset();
}

}  // namespace mdd::endpoint
