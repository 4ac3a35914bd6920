//! How the API refuses, as the `OpenAPI` document says it: always with a problem document (RFC 9457).

use std::collections::BTreeMap;

use platen_protocol::problem::MEDIA_TYPE;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

type Responses = BTreeMap<String, RefOr<Response>>;

fn problem(status: u16, description: &str) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build();
    (status.to_string(), response.into())
}

/// What any request can be answered with.
pub(super) struct Always;

impl IntoResponses for Always {
    fn responses() -> Responses {
        [
            problem(401, "Not signed in: send a bearer token, or sign in."),
            problem(
                403,
                "The right that the operation names (`x-right`) is missing, or the request uses a session cookie and comes from a page of another site.",
            ),
            problem(500, "The manager failed; its log says why."),
            problem(503, "The manager cannot do this at the moment."),
        ]
        .into()
    }
}

/// A request with parameters in its query.
pub(super) struct BadQuery;

impl IntoResponses for BadQuery {
    fn responses() -> Responses {
        [problem(
            400,
            "A parameter of the query is unknown, is given twice, or has a value that it cannot have.",
        )]
        .into()
    }
}

/// A request for something by its name.
pub(super) struct Missing;

impl IntoResponses for Missing {
    fn responses() -> Responses {
        [problem(404, "There is nothing of that name here.")].into()
    }
}

/// A request about a restore that is not there.
pub(super) struct NotRestored;

impl IntoResponses for NotRestored {
    fn responses() -> Responses {
        [problem(409, "The manager was not restored from a backup, or no such certificate waits.")].into()
    }
}

/// A request with a body of JSON.
pub(super) struct BadBody;

impl IntoResponses for BadBody {
    fn responses() -> Responses {
        [
            problem(400, "The body is not the JSON that was expected, or asks for something impossible."),
            problem(413, "The body is too large."),
            problem(415, "The body is not declared as JSON (`content-type`)."),
        ]
        .into()
    }
}

/// A command for a device that does not fetch those that wait for it.
pub(super) struct TooManyWait;

impl IntoResponses for TooManyWait {
    fn responses() -> Responses {
        [problem(429, "Too many commands are waiting for the device.")].into()
    }
}

/// A password that is tried too often.
pub(super) struct TooMany;

impl IntoResponses for TooMany {
    fn responses() -> Responses {
        [problem(429, "Too many passwords were wrong: `Retry-After` says when the next may be tried.")].into()
    }
}

/// A device that need not or cannot be readmitted.
pub(super) struct NotReadmitted;

impl IntoResponses for NotReadmitted {
    fn responses() -> Responses {
        [problem(
            409,
            "The device is shut out, or its certificate has neither expired nor been superseded: there is nothing to readmit.",
        )]
        .into()
    }
}

/// Something that has the name already, or that is still needed.
pub(super) struct Conflicts;

impl IntoResponses for Conflicts {
    fn responses() -> Responses {
        [problem(
            409,
            "Another one has that name or group already, something still belongs to it, it is in service, or the name that was repeated is not its name.",
        )]
        .into()
    }
}

/// A print that cannot be added or cancelled.
pub(super) struct CannotBeCancelled;

impl IntoResponses for CannotBeCancelled {
    fn responses() -> Responses {
        [problem(409, "Too many documents wait for printers, or the printer has it already.")].into()
    }
}

/// A program or a device that cannot be brought together.
pub(super) struct CannotBeOffered;

impl IntoResponses for CannotBeOffered {
    fn responses() -> Responses {
        [problem(
            409,
            "The program is revoked, or one of the devices is retired or is to have too many programs already: it was offered to none.",
        )]
        .into()
    }
}

/// A program that cannot be rolled out.
pub(super) struct CannotBeRolledOut;

impl IntoResponses for CannotBeRolledOut {
    fn responses() -> Responses {
        [problem(409, "The program is revoked, or another rollout has the name: nothing was planned.")].into()
    }
}

/// An act for which it is not the time.
pub(super) struct NotNow;

impl IntoResponses for NotNow {
    fn responses() -> Responses {
        [problem(
            409,
            "The rollout or its device stands otherwise, its program is revoked, or it has devices that you do not see.",
        )]
        .into()
    }
}

/// An order that is no duplicate of another one.
pub(super) struct NotDuplicate;

impl IntoResponses for NotDuplicate {
    fn responses() -> Responses {
        [problem(409, "The order is closed, or no earlier order of the same supply is open.")].into()
    }
}

/// An order that cannot be made or moved on.
pub(super) struct NotOrdered;

impl IntoResponses for NotOrdered {
    fn responses() -> Responses {
        [problem(409, "The device is retired, or another order of the same supply is open.")].into()
    }
}

/// An item of what needs a person with which that cannot be done.
pub(super) struct NotThatItem;

impl IntoResponses for NotThatItem {
    fn responses() -> Responses {
        [problem(
            409,
            "The item is over, is a part of another one, waits or is taken already, or is decided about at its device.",
        )]
        .into()
    }
}

/// Something that is removed, and only as it was seen.
pub(super) struct BadMatch;

impl IntoResponses for BadMatch {
    fn responses() -> Responses {
        [problem(400, "`If-Match` is no `ETag`.")].into()
    }
}

/// Something that is only changed as it was seen.
pub(super) struct NotAsSeen;

impl IntoResponses for NotAsSeen {
    fn responses() -> Responses {
        [problem(412, "Somebody has changed it since it was seen (`If-Match`): nothing was done.")].into()
    }
}

/// Something of which a version is sent along.
pub(super) struct ChangedMeanwhile;

impl IntoResponses for ChangedMeanwhile {
    fn responses() -> Responses {
        [
            problem(412, "Somebody has changed it meanwhile: nothing was done."),
            problem(428, "`If-Match` is missing."),
        ]
        .into()
    }
}
