//! Money: an amount in the smallest unit of its currency, as prices of a catalogue are. No rates, no rounding but where a share is
//! taken of it. Pure.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

/// The most digits before the point: what nobody pays for a part, and no product of it leaves an integer.
const MAX_WHOLE_DIGITS: usize = 9;
/// Currencies without smaller units, by ISO 4217.
const WHOLE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Those with a thousand of them.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// A currency, by its three letters (ISO 4217). Which ones there are changes; that a text is one is not checked further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// In the smallest unit of the currency, never below 0.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// Money, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyView {
    /// The amount as a decimal number with a point, such as `89.90`.
    #[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{2,3})?$")]
    pub amount: String,
    /// The currency's three letters (ISO 4217), such as `EUR`.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// A text that is no money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// No currency.
    #[error("{0:?} is no currency: write its three letters, such as EUR or USD")]
    Currency(String),
    /// No amount of it.
    #[error(
        "{text:?} is no amount of {currency}: write digits and a point, such as {example}, and at most {MAX_WHOLE_DIGITS} digits before the point"
    )]
    Amount {
        /// What was written.
        text: String,
        /// Of what.
        currency: Currency,
        /// What would be one.
        example: &'static str,
    },
}

impl Currency {
    fn text(self) -> String {
        self.0.iter().map(|letter| char::from(*letter)).collect()
    }

    /// Digits behind the point.
    fn digits(self) -> usize {
        let text = self.text();
        match text.as_str() {
            text if WHOLE.contains(&text) => 0,
            text if THOUSANDTHS.contains(&text) => 3,
            _ => 2,
        }
    }

    const fn example(digits: usize) -> &'static str {
        match digits {
            0 => "8990",
            3 => "89.900",
            _ => "89.90",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let letters = text.to_ascii_uppercase();
        let found: Option<[u8; 3]> = letters.as_bytes().try_into().ok();
        found
            .filter(|letters| letters.iter().all(u8::is_ascii_uppercase))
            .map(Self)
            .ok_or_else(|| MoneyError::Currency(text.to_owned()))
    }
}

impl Money {
    /// What somebody wrote: a point or a comma stands before the smaller unit, of which digits may be left out.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let currency: Currency = currency.parse()?;
        let digits = currency.digits();
        let wrong =
            || MoneyError::Amount { text: amount.to_owned(), currency, example: Currency::example(digits) };
        let text = amount.replace(',', ".");
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || whole.len() > MAX_WHOLE_DIGITS || rest.len() > digits {
            return Err(wrong());
        }
        if !is_number(whole) || !is_number(rest) || (text.contains('.') && rest.is_empty()) {
            return Err(wrong());
        }
        let minor = format!("{whole}{rest:0<digits$}").parse().map_err(|_no_number| wrong())?;
        Ok(Self { minor, currency })
    }

    /// Of what the store holds; none where that is no money.
    pub(crate) fn stored(minor: Option<i64>, currency: Option<&str>) -> Option<Self> {
        let currency = currency?.parse().ok()?;
        minor.filter(|minor| *minor >= 0).map(|minor| Self { minor, currency })
    }

    /// So many times it; none if nobody can count that.
    pub fn times(self, pieces: u32) -> Option<Self> {
        Some(Self { minor: self.minor.checked_mul(i64::from(pieces))?, ..self })
    }

    /// So many millionths of it, rounded to the nearest smallest unit.
    #[must_use]
    pub fn share(self, millionths: u64) -> Self {
        let whole = i128::from(self.minor) * i128::from(millionths.min(1_000_000));
        let minor = i64::try_from((whole + 500_000) / 1_000_000).unwrap_or(self.minor);
        Self { minor, ..self }
    }

    /// The amount alone.
    pub fn amount(self) -> String {
        let digits = self.currency.digits();
        let text = format!("{:0>width$}", self.minor, width = digits + 1);
        if digits == 0 {
            return text;
        }
        let (whole, rest) = text.split_at(text.len() - digits);
        format!("{whole}.{rest}")
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency.text() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::parse(amount, currency).unwrap()
    }

    #[test]
    fn amounts_are_read_and_written_by_their_currency() {
        for (amount, currency, minor, shown) in [
            ("89.90", "EUR", 8_990, "89.90 EUR"),
            ("89,9", "eur", 8_990, "89.90 EUR"),
            ("0.05", "USD", 5, "0.05 USD"),
            ("8990", "JPY", 8_990, "8990 JPY"),
            ("1.5", "KWD", 1_500, "1.500 KWD"),
            ("12", "CHF", 1_200, "12.00 CHF"),
        ] {
            let read = money(amount, currency);
            assert_eq!((read.minor, read.to_string().as_str()), (minor, shown));
        }
    }

    #[test]
    fn what_is_no_money_says_what_to_write() {
        for amount in ["", "-1", "1.234", "1.", ".5", "1e3", "1.5.0", "12345678901", "twelve", "\u{0663}"] {
            let why = Money::parse(amount, "EUR").unwrap_err().to_string();
            assert!(why.contains("89.90"), "{why}");
        }
        assert!(Money::parse("1.5", "JPY").is_err());
        for currency in ["", "EU", "EURO", "E1R", "€"] {
            assert!(
                Money::parse("1", currency).unwrap_err().to_string().contains("EUR or USD"),
                "{currency}"
            );
        }
    }

    #[test]
    fn shares_are_rounded_and_sums_do_not_overflow() {
        assert_eq!(money("89.90", "EUR").share(30_000), money("2.70", "EUR"));
        assert_eq!(money("0.01", "EUR").share(500_000), money("0.01", "EUR"));
        assert_eq!(money("89.90", "EUR").share(2_000_000), money("89.90", "EUR"));
        assert_eq!(money("89.90", "EUR").times(3), Some(money("269.70", "EUR")));
        let most = Money { minor: i64::MAX, ..money("1", "EUR") };
        assert_eq!((most.times(2), most.share(1_000_000).minor), (None, i64::MAX));
    }
}
