//! What is asked of a printer: how it is, to take a document, and how that stands. Each question is a connection of its own: they
//! are seconds apart, and printers have few.

use std::io::Cursor;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode as HttpStatus};
use hyper_util::rt::TokioIo;
use ipp::attribute::{IppAttribute, IppAttributeGroup};
use ipp::model::{DelimiterTag, IppVersion, Operation, StatusCode};
use ipp::parser::{IppParseError, IppParser};
use ipp::reader::IppReader;
use ipp::request::IppRequestResponse;
use ipp::value::IppValue;

use super::dial::{Dial, Stream};
use super::{Printer, words};

/// A printer gets so long for an answer, and so long when a document goes there first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
const TAKES_WITHIN: Duration = Duration::from_secs(120);
/// What of its answer is read, in bytes.
const ANSWER_BYTES: usize = 1024 * 1024;
/// What a document is.
const FORMAT: &str = "application/pdf";
/// Jobs of a printer that are looked through for one of ours.
const MAX_JOBS: i32 = 500;
/// Values of `job-state` from which on nothing more comes of a job (RFC 8011, section 5.3.7).
const CANCELED: i32 = 7;
const ABORTED: i32 = 8;
const COMPLETED: i32 = 9;
/// The longest name of a job, in bytes (RFC 8011, name(MAX)).
const MAX_NAME: usize = 255;

/// What is to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToPrint {
    /// By which it is found again at the printer.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// Whose it is.
    pub by: String,
    /// The PDF.
    pub file: Bytes,
}

impl ToPrint {
    /// The job's name at the printer: what it is, and the id by which it is known.
    fn name(&self) -> String {
        let room = MAX_NAME.saturating_sub(self.id.len() + 3);
        let mut title = String::new();
        for sign in self.title.chars() {
            if title.len() + sign.len_utf8() > room {
                break;
            }
            title.push(sign);
        }
        format!("{title} [{}]", self.id)
    }
}

/// How a job stands at a printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtPrinter {
    /// It waits there or is being printed; with what holds it up.
    Under {
        /// Its number there.
        job: i32,
        /// For people, such as `it is out of paper`.
        why: Option<String>,
    },
    /// It is on paper.
    Printed,
    /// It never will be.
    GivenUp(String),
}

/// Why something could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// It may be tried again.
    Later(String),
    /// It need not be.
    Never(String),
}

/// Speaks to one printer.
pub(crate) struct Asker {
    printer: Printer,
    dial: Dial,
}

fn later(error: impl std::fmt::Display) -> Failed {
    Failed::Later(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is turned into another")]
fn unasked(error: IppParseError) -> Failed {
    Failed::Never(format!("this cannot be asked: {error}"))
}

/// An attribute with several words.
fn keywords(name: &str, all: &[&str]) -> Result<IppAttribute, IppParseError> {
    let words = all.iter().map(|word| IppValue::new_keyword(*word)).collect::<Result<_, _>>()?;
    IppAttribute::with_name(name, IppValue::Array(words))
}

/// The texts of an attribute, whatever kind of text they are.
fn texts(group: &IppAttributeGroup, name: &str) -> Vec<String> {
    let Some(attribute) = group.get(name) else { return Vec::new() };
    attribute.value().into_iter().map(ToString::to_string).collect()
}

fn number(group: &IppAttributeGroup, name: &str) -> Option<i32> {
    match group.get(name)?.value() {
        IppValue::Integer(number) | IppValue::Enum(number) => Some(*number),
        _ => None,
    }
}

impl Asker {
    pub(super) fn new(printer: &Printer) -> Self {
        Self { printer: printer.clone(), dial: Dial::new(printer) }
    }

    fn request(&self, operation: Operation) -> Result<IppRequestResponse, IppParseError> {
        IppRequestResponse::new(IppVersion::v1_1(), operation, Some(self.printer.uri.clone()))
    }

    /// Prints: a document that is already there is not sent again.
    pub(crate) async fn print(&self, wanted: &ToPrint, sent_before: bool) -> Result<AtPrinter, Failed> {
        if sent_before && let Some(found) = self.find(wanted).await? {
            return Ok(found);
        }
        self.ready().await?;
        self.send(wanted).await
    }

    /// Whether it takes documents at all.
    async fn ready(&self) -> Result<(), Failed> {
        let mut request = self.request(Operation::GetPrinterAttributes).map_err(unasked)?;
        let wanted = ["printer-state-reasons", "printer-is-accepting-jobs", "document-format-supported"];
        let wanted = keywords("requested-attributes", &wanted).map_err(unasked)?;
        request.attributes_mut().add(DelimiterTag::OperationAttributes, wanted);
        let answer = self.ask(request.to_bytes(), None).await?;
        let Some(group) = answer.attributes().first_of(DelimiterTag::PrinterAttributes) else {
            return Ok(());
        };
        let formats = texts(group, "document-format-supported");
        if !formats.is_empty() && !formats.iter().any(|format| format == FORMAT) {
            return Err(Failed::Never(format!("it takes no PDF, only {}", formats.join(", "))));
        }
        let accepts = !matches!(
            group.get("printer-is-accepting-jobs").map(IppAttribute::value),
            Some(IppValue::Boolean(false))
        );
        if accepts {
            return Ok(());
        }
        let all = texts(group, "printer-state-reasons");
        let why = words::reasons(all.iter().map(String::as_str));
        Err(Failed::Later(format!(
            "it takes no jobs now{}",
            why.map(|why| format!(": {why}")).unwrap_or_default()
        )))
    }

    async fn send(&self, wanted: &ToPrint) -> Result<AtPrinter, Failed> {
        let request = self.print_request(wanted).map_err(unasked)?;
        let answer = self.ask(request.to_bytes(), Some(wanted.file.clone())).await?;
        let group = answer.attributes().first_of(DelimiterTag::JobAttributes);
        let job = group.and_then(|group| number(group, "job-id"));
        match (job, group) {
            (Some(job), Some(group)) => Ok(stands(job, group, None)),
            // It took the document and does not say under which number.
            _ => Ok(AtPrinter::Printed),
        }
    }

    fn print_request(&self, wanted: &ToPrint) -> Result<IppRequestResponse, IppParseError> {
        let mut request = self.request(Operation::PrintJob)?;
        let attributes = request.attributes_mut();
        let text = |name, value: IppValue| IppAttribute::with_name(name, value);
        for attribute in [
            text("requesting-user-name", IppValue::new_name_without_language(wanted.by.clone())?)?,
            text("job-name", IppValue::new_name_without_language(wanted.name())?)?,
            text("document-format", IppValue::new_mime_media_type(FORMAT)?)?,
        ] {
            attributes.add(DelimiterTag::OperationAttributes, attribute);
        }
        let media = IppValue::new_keyword(self.printer.paper.media())?;
        attributes.add(DelimiterTag::JobAttributes, text("media", media)?);
        Ok(request)
    }

    /// One of ours among the jobs that are there, or were.
    async fn find(&self, wanted: &ToPrint) -> Result<Option<AtPrinter>, Failed> {
        for which in ["not-completed", "completed"] {
            let request = self.jobs_request(which).map_err(unasked)?;
            let answer = match self.ask(request.to_bytes(), None).await {
                Ok(answer) => answer,
                // A printer that keeps no list of what it has done is asked no more.
                Err(Failed::Never(_)) => continue,
                Err(error) => return Err(error),
            };
            let jobs = answer.attributes().groups_of(DelimiterTag::JobAttributes);
            for group in jobs {
                let is_ours = texts(group, "job-name").iter().any(|name| name.contains(&wanted.id));
                if let (true, Some(job)) = (is_ours, number(group, "job-id")) {
                    return Ok(Some(stands(job, group, None)));
                }
            }
        }
        Ok(None)
    }

    fn jobs_request(&self, which: &str) -> Result<IppRequestResponse, IppParseError> {
        let mut request = self.request(Operation::GetJobs)?;
        let attributes = request.attributes_mut();
        for attribute in [
            IppAttribute::with_name("limit", IppValue::Integer(MAX_JOBS))?,
            keywords("requested-attributes", &["job-id", "job-name", "job-state", "job-state-reasons"])?,
            IppAttribute::with_name("which-jobs", IppValue::new_keyword(which)?)?,
        ] {
            attributes.add(DelimiterTag::OperationAttributes, attribute);
        }
        Ok(request)
    }

    /// How a job stands.
    pub(crate) async fn job(&self, job: i32) -> Result<AtPrinter, Failed> {
        let wanted = ["job-id", "job-state", "job-state-reasons", "job-printer-state-reasons"];
        let mut request = self.request(Operation::GetJobAttributes).map_err(unasked)?;
        let number = IppAttribute::with_name("job-id", IppValue::Integer(job)).map_err(unasked)?;
        request.attributes_mut().add(DelimiterTag::OperationAttributes, number);
        let wanted = keywords("requested-attributes", &wanted).map_err(unasked)?;
        request.attributes_mut().add(DelimiterTag::OperationAttributes, wanted);
        // What is borrowed of an answer cannot wait for another one.
        let printer = self.reasons().await?;
        let answer = self.ask(request.to_bytes(), None).await?;
        let Some(group) = answer.attributes().first_of(DelimiterTag::JobAttributes) else {
            return Err(Failed::Later("it does not say how the job stands".to_owned()));
        };
        Ok(stands(job, group, printer))
    }

    /// What is wrong with the printer itself.
    async fn reasons(&self) -> Result<Option<String>, Failed> {
        let mut request = self.request(Operation::GetPrinterAttributes).map_err(unasked)?;
        let wanted = keywords("requested-attributes", &["printer-state-reasons"]).map_err(unasked)?;
        request.attributes_mut().add(DelimiterTag::OperationAttributes, wanted);
        let answer = self.ask(request.to_bytes(), None).await?;
        let group = answer.attributes().first_of(DelimiterTag::PrinterAttributes);
        let all = group.map(|group| texts(group, "printer-state-reasons")).unwrap_or_default();
        Ok(words::reasons(all.iter().map(String::as_str)))
    }

    /// Asks, and gives the answer if it is none of refusal.
    async fn ask(&self, request: Bytes, file: Option<Bytes>) -> Result<IppRequestResponse, Failed> {
        let within = if file.is_some() { TAKES_WITHIN } else { ANSWERS_WITHIN };
        let mut body = request.to_vec();
        body.extend_from_slice(file.as_deref().unwrap_or_default());
        let stream = self.dial.connect().await.map_err(Failed::Later)?;
        let exchanged = tokio::time::timeout(within, self.exchange(stream, body)).await;
        let (status, body) = exchanged.map_err(|_late| later("it takes too long to answer"))??;
        if !status.is_success() {
            return Err(refused_by_http(status));
        }
        let answer = IppParser::new(IppReader::new(Cursor::new(body))).parse();
        let answer = answer.map_err(|error| Failed::Later(format!("its answer is no IPP: {error}")))?;
        judged(answer)
    }

    async fn exchange(&self, stream: Box<dyn Stream>, body: Vec<u8>) -> Result<(HttpStatus, Bytes), Failed> {
        let path = self.printer.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let host = if self.printer.host.contains(':') {
            format!("[{}]:{}", self.printer.host, self.printer.port)
        } else {
            format!("{}:{}", self.printer.host, self.printer.port)
        };
        let request = Request::post(path)
            .header("host", host)
            .header("content-type", "application/ipp")
            .header("user-agent", concat!("platen-manager/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failed::Never(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(later)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(later)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            Ok((status, body.map_err(later)?.to_bytes()))
        };
        let (mut exchange, mut connection) = (std::pin::pin!(exchange), std::pin::pin!(connection));
        tokio::select! {
            answered = &mut exchange => answered,
            // When the connection has ended, what came over it is still there.
            _ = &mut connection => exchange.await,
        }
    }
}

/// How a job stands, by what is said of it and of its printer.
fn stands(job: i32, group: &IppAttributeGroup, printer: Option<String>) -> AtPrinter {
    let mut all = texts(group, "job-state-reasons");
    all.extend(texts(group, "job-printer-state-reasons"));
    let why = words::reasons(all.iter().map(String::as_str));
    match number(group, "job-state") {
        Some(COMPLETED) => AtPrinter::Printed,
        Some(CANCELED) => AtPrinter::GivenUp("somebody cancelled the job at the printer".to_owned()),
        Some(ABORTED) => AtPrinter::GivenUp(why.unwrap_or_else(|| "the printer gave the job up".to_owned())),
        _ => AtPrinter::Under { job, why: printer.or(why) },
    }
}

fn refused_by_http(status: HttpStatus) -> Failed {
    match status {
        HttpStatus::UNAUTHORIZED | HttpStatus::FORBIDDEN => Failed::Never(format!(
            "it refuses this manager ({status}): let it print without a password, by its address"
        )),
        HttpStatus::NOT_FOUND => Failed::Never(format!(
            "there is no printer at this path ({status}): look at its uri in manager.toml"
        )),
        HttpStatus::UPGRADE_REQUIRED => {
            Failed::Never("it wants to be spoken to encrypted: write ipps:// in manager.toml".to_owned())
        }
        other => Failed::Later(format!("it answered {other}")),
    }
}

fn judged(answer: IppRequestResponse) -> Result<IppRequestResponse, Failed> {
    let status = answer.header().status_code();
    if status.is_success() {
        return Ok(answer);
    }
    let said = answer.attributes().first_of(DelimiterTag::OperationAttributes);
    let said = said.map(|group| texts(group, "status-message").concat()).unwrap_or_default();
    let said: String = said.chars().filter(|sign| !sign.is_control()).take(200).collect();
    let said = if said.is_empty() { String::new() } else { format!(" (“{said}”)") };
    Err(match status {
        StatusCode::ServerErrorBusy => Failed::Later("it is busy with another job".to_owned()),
        StatusCode::ServerErrorNotAcceptingJobs => Failed::Later("it takes no jobs now".to_owned()),
        StatusCode::ServerErrorTemporaryError
        | StatusCode::ServerErrorServiceUnavailable
        | StatusCode::ServerErrorDeviceError
        | StatusCode::ServerErrorInternalError
        | StatusCode::ClientErrorTimeout => Failed::Later(format!("it cannot now{said}")),
        StatusCode::ClientErrorDocumentFormatNotSupported | StatusCode::ClientErrorDocumentFormatError => {
            Failed::Never(format!("it cannot read PDF{said}"))
        }
        StatusCode::ClientErrorNotAuthenticated
        | StatusCode::ClientErrorNotAuthorized
        | StatusCode::ClientErrorForbidden => Failed::Never(format!(
            "it refuses this manager{said}: let it print without a password, by its address"
        )),
        StatusCode::ClientErrorNotFound | StatusCode::ClientErrorGone => {
            Failed::Never(format!("it knows nothing of this job, or is another printer{said}"))
        }
        other => Failed::Never(format!("it refused: {other:?}{said}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_name_ends_with_its_id_and_is_never_too_long() {
        let wanted = |title: &str| ToPrint {
            id: "0123456789abcdef".into(),
            title: title.into(),
            by: "anna".into(),
            file: Bytes::new(),
        };
        assert_eq!(wanted("Order 7").name(), "Order 7 [0123456789abcdef]");
        let long = wanted(&"ä".repeat(500)).name();
        assert!(long.len() <= MAX_NAME && long.ends_with("[0123456789abcdef]"), "{long}");
    }
}
