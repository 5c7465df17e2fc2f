#include "mdn/stream.h"

#include <utility>

#include "client/messages.h"
#include "client/stream_requests.h"
#include "client/stream_session.h"

namespace mdn {

using client_internal::SendStreamed;

Stream::Stream(std::unique_ptr<client_internal::StreamSession> session)
    : session_(std::move(session)) {}

Stream::~Stream() = default;

void Stream::Predict(const PredictRequest& request, const CallOptions& options,
                     Callback<Prediction> done) {
  SendStreamed<Prediction>(*session_, request, options, std::move(done));
}

void Stream::Sample(const SampleRequest& request, const CallOptions& options,
                    Callback<Samples> done) {
  SendStreamed<Samples>(*session_, request, options, std::move(done));
}

void Stream::LogLikelihood(const LogLikelihoodRequest& request, const CallOptions& options,
                           Callback<LogLikelihoods> done) {
  SendStreamed<LogLikelihoods>(*session_, request, options, std::move(done));
}

Stream::Future<Prediction> Stream::Predict(const PredictRequest& request,
                                           const CallOptions& options) {
  return SendStreamed<Prediction>(*session_, request, options);
}

Stream::Future<Samples> Stream::Sample(const SampleRequest& request, const CallOptions& options) {
  return SendStreamed<Samples>(*session_, request, options);
}

Stream::Future<LogLikelihoods> Stream::LogLikelihood(const LogLikelihoodRequest& request,
                                                     const CallOptions& options) {
  return SendStreamed<LogLikelihoods>(*session_, request, options);
}

void Stream::Close() { session_->Close(); }
void Stream::Cancel() { session_->Cancel(); }

}  // namespace mdn
