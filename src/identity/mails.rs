//! What people are mailed about their accounts.
//!
//! A token stands behind `#`, the part of an address that a browser keeps to itself, so that no log of
//! a server has it.

use crate::entity::user;
use crate::mail::Mail;

/// To whoever has forgotten their password.
pub fn set_password(url: &str, user: &user::Model, token: &str) -> Mail {
    to(
        user,
        "Set a new password",
        &format!(
            "Somebody asked for a new password for your account. Within an hour you can set one here:\n\n\
             {url}/password/reset#token={token}\n\n\
             If it was not you, there is nothing to do: your password stays as it is."
        ),
    )
}

/// To the address that an account is to have.
pub fn confirm_address(url: &str, user: &user::Model, address: &str, token: &str) -> Mail {
    let text = format!(
        "Within a day you can confirm here that this is your new address:\n\n\
         {url}/email/confirm#token={token}\n\n\
         If you have not asked for that, there is nothing to do."
    );
    Mail {
        to: address.to_owned(),
        ..to(user, "Confirm your new address", &text)
    }
}

/// To the address that an account has, before it has another.
pub fn address_is_to_change(user: &user::Model) -> Mail {
    to(
        user,
        "Your address is about to change",
        "Somebody who knows your password asked for another e-mail address for your account. It changes \
         once that address is confirmed.\n\nIf it was not you, change your password now: that stops it.",
    )
}

/// To the address that an account had.
pub fn address_changed(user: &user::Model) -> Mail {
    to(
        user,
        "Your address has changed",
        "Your account has another e-mail address from now on, and this one is not used any more.",
    )
}

/// After the password has changed, in whichever way.
pub fn password_changed(user: &user::Model) -> Mail {
    to(
        user,
        "Your password has changed",
        "Your account has another password from now on, and every other device is signed out.\n\n\
         If it was not you, ask for a new password at once.",
    )
}

fn to(user: &user::Model, subject: &str, text: &str) -> Mail {
    Mail {
        to: user.email.clone(),
        subject: subject.to_owned(),
        text: format!("Hello {},\n\n{text}\n", user.name),
    }
}
