//! What an address of the DDI asks for: pure.

use platen_protocol::identity::DeviceId;

/// What stands behind the tenant.
const BEHIND_TENANT: &str = "controller/v1/";

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Whose clients.
    pub(super) tenant: String,
    /// Which of them.
    pub(super) device: DeviceId,
    /// What of it; none where there is no such thing.
    pub(super) what: Option<What>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Whether there is something to do.
    Base,
    /// Where a client says what it is.
    ConfigData,
    /// What is to be installed.
    Deployment(i64),
    /// How that goes.
    DeploymentFeedback(i64),
    /// What is not to be installed after all.
    Cancel(i64),
    /// What comes of that.
    CancelFeedback(i64),
    /// A file.
    Artifact {
        /// Of which program, by its key.
        program: i64,
        /// By which name.
        file: String,
    },
}

impl What {
    /// The method that it takes.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Base | Self::Deployment(_) | Self::Cancel(_) | Self::Artifact { .. } => "GET",
            Self::ConfigData => "PUT",
            Self::DeploymentFeedback(_) | Self::CancelFeedback(_) => "POST",
        }
    }
}

fn behind_tenant(path: &str) -> Option<(&str, &str)> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    Some((tenant, rest.strip_prefix(BEHIND_TENANT)?))
}

/// Whether a path is one of the DDI.
pub(super) fn is_ddi(path: &str) -> bool {
    behind_tenant(path).is_some()
}

/// Clients read these numbers into 32 bits with a sign; what does not fit there was never given out.
fn action(text: &str) -> Option<i64> {
    text.parse::<i32>().ok().filter(|number| *number > 0).map(i64::from)
}

impl Address {
    /// Reads a path; none where it names no device.
    pub(super) fn read(path: &str) -> Option<Self> {
        let (tenant, rest) = behind_tenant(path)?;
        let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        let (device, rest) = parts.split_first()?;
        Some(Self { tenant: tenant.to_owned(), device: device.parse().ok()?, what: What::read(rest) })
    }
}

impl What {
    fn read(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            [] => Self::Base,
            ["configData"] => Self::ConfigData,
            ["deploymentBase", number] => Self::Deployment(action(number)?),
            ["deploymentBase", number, "feedback"] => Self::DeploymentFeedback(action(number)?),
            ["cancelAction", number] => Self::Cancel(action(number)?),
            ["cancelAction", number, "feedback"] => Self::CancelFeedback(action(number)?),
            ["softwaremodules", program, "artifacts", file] => {
                Self::Artifact { program: program.parse().ok()?, file: (*file).to_owned() }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_clients_write_them() {
        let what = |rest: &str| Address::read(&format!("/acme/controller/v1/lobby{rest}")).unwrap().what;
        assert_eq!((what(""), what("/")), (Some(What::Base), Some(What::Base)));
        assert_eq!(what("/configData"), Some(What::ConfigData));
        assert_eq!(what("/deploymentBase/12"), Some(What::Deployment(12)));
        assert_eq!(what("/deploymentBase/12/feedback"), Some(What::DeploymentFeedback(12)));
        assert_eq!(what("/cancelAction/12/feedback"), Some(What::CancelFeedback(12)));
        let file = What::Artifact { program: 7, file: "app-2.0.swu".into() };
        assert_eq!(what("/softwaremodules/7/artifacts/app-2.0.swu"), Some(file));
        for wrong in [
            "/deploymentBase/0",
            "/deploymentBase/-1",
            "/deploymentBase/2147483648",
            "/deploymentBase/x",
            "/x",
        ] {
            assert_eq!(what(wrong), None, "{wrong}");
        }
        assert_eq!(what("/deploymentBase/2147483647"), Some(What::Deployment(2_147_483_647)));
    }

    #[test]
    fn what_is_no_ddi_is_left_to_others() {
        assert!(!is_ddi("/v1/reports") && !is_ddi("/acme/controller/v2/lobby") && !is_ddi("/"));
        assert!(is_ddi("/acme/controller/v1/"));
        assert!(Address::read("/acme/controller/v1/").is_none(), "no device");
        assert!(Address::read("/acme/controller/v1/no such%20device").is_none());
    }
}
