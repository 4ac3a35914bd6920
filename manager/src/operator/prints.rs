//! What operators have printed: a document is gathered and made when it is asked for, as far as they may see it, and then waits
//! for its printer.

use platen_protocol::problem::ProblemKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::Operators;
use super::documents::{Wanted, as_pdf, gather};
use super::objects::only_objects;
use super::problem::Refusal;
use super::who::Operator;
use crate::clock;
use crate::output::Paper;
use crate::secret::random_hex;
use crate::store::{NewPrint, PrintRecord, PrintRefusal, Scope};

/// Random bytes of a print's id.
const ID_BYTES: usize = 8;
/// The largest file that waits for a printer, in bytes.
const MAX_FILE: usize = 32 * 1024 * 1024;

impl From<PrintRefusal> for Refusal {
    fn from(refusal: PrintRefusal) -> Self {
        let kind = match refusal {
            PrintRefusal::Missing => ProblemKind::NotFound,
            PrintRefusal::TooMany | PrintRefusal::TooLate => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// What is to be printed, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PrintForm {
    /// The printer's name, as `GET /printers` tells it.
    #[schema(min_length = 1, max_length = 60)]
    pub(super) printer: String,
    /// What is to be printed.
    #[serde(deserialize_with = "object")]
    pub(super) document: Wanted,
}

only_objects!(PrintForm);

/// A kind of document would be read from a list as well, in an order that nobody has promised.
fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Wanted, D::Error> {
    let object = serde_json::Map::<String, serde_json::Value>::deserialize(from)?;
    serde_json::from_value(object.into()).map_err(D::Error::custom)
}

/// Whose prints somebody sees: who is limited to some customers sees their own, since others may be of others.
pub(super) fn only_by(operator: &Operator) -> Option<String> {
    (*operator.scope() != Scope::All).then(|| operator.name.clone())
}

pub(super) fn new_id() -> Result<String, Refusal> {
    random_hex::<ID_BYTES>().map_err(|error| Refusal::internal(&error))
}

async fn the(operators: &Operators, operator: &Operator, key: i64) -> Result<PrintRecord, Refusal> {
    let found = operators.store.print(only_by(operator), key).await?;
    found.ok_or_else(|| Refusal::not_found("print"))
}

/// One print.
pub(super) async fn one(
    operators: &Operators,
    operator: &Operator,
    key: i64,
) -> Result<PrintRecord, Refusal> {
    the(operators, operator, key).await
}

/// Has a document printed.
pub(super) async fn add(
    operators: &Operators,
    operator: &Operator,
    form: PrintForm,
) -> Result<PrintRecord, Refusal> {
    let PrintForm { printer, document } = form;
    let paper = known(operators, &printer)?;
    let now = clock::now();
    let document = gather(operators, operator.scope(), &document, now).await?;
    let title = document.title.clone();
    let file = as_pdf(operators, document, paper).await?;
    if file.len() > MAX_FILE {
        return Err(Refusal::new(
            ProblemKind::InvalidRequest,
            "the document is too large to be printed; ask for less, such as one customer".to_owned(),
        ));
    }
    let new = NewPrint { id: new_id()?, printer, title, file };
    let key = operators.store.add_print(new, operator.name.clone(), now).await??;
    the(operators, operator, key).await
}

/// Has it printed once more.
pub(super) async fn again(
    operators: &Operators,
    operator: &Operator,
    key: i64,
) -> Result<PrintRecord, Refusal> {
    let (whose, new) = ((only_by(operator), key), (new_id()?, operator.name.clone()));
    let added = operators.store.print_again(whose, new, clock::now()).await??;
    the(operators, operator, added).await
}

/// Cancels it.
pub(super) async fn cancel(
    operators: &Operators,
    operator: &Operator,
    key: i64,
) -> Result<PrintRecord, Refusal> {
    operators.store.cancel_print(only_by(operator), key, clock::now()).await??;
    the(operators, operator, key).await
}

/// The paper of a printer that is configured.
pub(super) fn known(operators: &Operators, printer: &str) -> Result<Paper, Refusal> {
    if let Some(known) = operators.printers.named(printer) {
        return Ok(known.paper);
    }
    let names: Vec<&str> = operators.printers.all().map(|printer| printer.name.as_str()).collect();
    let which = match names.as_slice() {
        [] => "none is: [[printers]] of manager.toml names them".to_owned(),
        some => format!("there are {}", some.join(", ")),
    };
    Err(Refusal::new(
        ProblemKind::InvalidRequest,
        format!("printer: none of that name is configured; {which}"),
    ))
}
